"""Faults of activations: another function of the same family."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F

from audit.case import BOTH, UNREPORTED, mutant
from audit.edits import replace_call
from audit.layer_zoo import LAYERS
from audit.lazy_jittor import jt

TANH = "https://github.com/kyutai-labs/pocket-tts/pull/278"
SIGMOID = "https://github.com/ROCm/AMDMIGraphX/issues/2542"
SLOPE = "default slope: 0.01 in PyTorch and Jittor, 0.3 in Keras"


@mutant(LAYERS, BOTH, "gelu", "forward", TANH)
def tanh_for_erf(model: Any) -> None:
    """GELU by tanh."""
    root = 0.7978845608028654  # sqrt(2 / pi)
    replace_call(model.gelu, lambda x: x * 0.5 * (1 + (root * (x + 0.044715 * x * x * x)).tanh()))


@mutant(LAYERS, BOTH, "gelu", "forward", SIGMOID)
def sigmoid_for_erf(model: Any) -> None:
    """GELU by the sigmoid, x sigmoid(1.702 x)."""
    replace_call(model.gelu, lambda x: x * (1.702 * x).sigmoid())


@mutant(LAYERS, "torch", "act", "forward", SLOPE)
def slope_left_at_the_default(model: Any) -> None:
    """LeakyReLU with 0.01 for 0.2."""
    model.act.negative_slope = 0.01


@mutant(LAYERS, "jittor", "act", "forward", SLOPE)
def slope_of_another_library(model: Any) -> None:
    """LeakyReLU with 0.3 for 0.2."""
    model.act = jt.nn.LeakyReLU(0.3)


@mutant(LAYERS, "torch", "act", "forward", UNREPORTED)
def elu_for_leaky_relu(model: Any) -> None:
    """ELU in the place of LeakyReLU."""
    model.act.forward = lambda input: F.elu(input, 0.2)
