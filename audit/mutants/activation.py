"""Faults of activations: another function of the same family."""

from __future__ import annotations

from typing import Any

import jittor as jt
import torch.nn.functional as F
from torch import nn

from audit.case import UNREPORTED, mutant
from audit.layer_zoo import LAYERS

TANH = "https://github.com/kyutai-labs/pocket-tts/pull/278"
SIGMOID = "https://github.com/ROCm/AMDMIGraphX/issues/2542"
SLOPE = "default slope: 0.01 in PyTorch and Jittor, 0.3 in Keras"


@mutant(LAYERS, "torch", "gelu", "forward", TANH)
def tanh_for_erf(model: Any) -> None:
    """GELU by tanh."""
    model.gelu = nn.GELU("tanh")


@mutant(LAYERS, "jittor", "gelu", "forward", TANH)
def tanh_for_erf_in_jittor(model: Any) -> None:
    """GELU by tanh."""
    model.gelu.execute = lambda x: (
        x * 0.5 * (1 + jt.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))
    )


@mutant(LAYERS, "torch", "gelu", "forward", SIGMOID)
def sigmoid_for_erf(model: Any) -> None:
    """GELU by the sigmoid, x sigmoid(1.702 x)."""
    model.gelu.forward = lambda input: input * (1.702 * input).sigmoid()


@mutant(LAYERS, "jittor", "gelu", "forward", SIGMOID)
def sigmoid_for_erf_in_jittor(model: Any) -> None:
    """GELU by the sigmoid, x sigmoid(1.702 x)."""
    model.gelu.execute = lambda x: x * jt.sigmoid(1.702 * x)


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
