"""A small model of the layers that the U-Net lacks, in PyTorch and in Jittor."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from audit.correct_pairs import PairBase
from parity.pair import Pair


def _build(side: str) -> Any:
    # Only when it is built, so that the list of cases does not start Jittor.
    return import_module(f"audit.layer_zoo.{side}_layers").Layers()


LAYERS = PairBase(
    Pair(
        name="layers",
        reference=lambda: _build("torch"),
        candidate=lambda: _build("jittor"),
        inputs=lambda rng: {"x": rng.standard_normal((3, 4, 3, 5), np.float32)},
        training=True,
        stress_inputs=("plain", "low variance", "large magnitude"),
    )
)
