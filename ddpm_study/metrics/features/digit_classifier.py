"""A small classifier of handwritten digits, the extractor behind FID-digits.

`python -m ddpm_study.metrics.features.train_digit_classifier` reproduces its weights bit for bit on
the same machine.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor, nn

from ddpm.errors import InputError
from ddpm_study.metrics.features.feature_extraction import Extractor

WEIGHTS = Path(__file__).with_name("digit_classifier.safetensors")
SIDE, CLASSES, FEATURES = 28, 10, 64


class DigitClassifier(nn.Module):
    """Two convolutions and two linear layers; the first linear layer computes the features."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5, padding=2)
        self.conv2 = nn.Conv2d(16, 32, 5, padding=2)
        self.hidden = nn.Linear(32 * 7 * 7, FEATURES)
        self.out = nn.Linear(FEATURES, CLASSES)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (N, 64) and logits (N, 10) of x (N, 1, 28, 28) in [-1, 1]."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        features = F.relu(self.hidden(x.flatten(1)))
        return features, self.out(features)


def load() -> tuple[DigitClassifier, dict[str, float]]:
    """Return the shipped classifier and its facts.

    The facts: `accuracy` on the `held_out` digits, the number of digits that it was `trained_on`,
    `seed`, `epochs`, and `scale`, the square root of the mean variance of its features over the
    real digits.
    """
    with safe_open(WEIGHTS, framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        facts = json.loads(file.metadata()["facts"])
    model = DigitClassifier()
    model.load_state_dict(weights)
    return model.eval(), facts


def extractor() -> Extractor:
    """Return the extractor of the shipped weights; its features have a mean variance of 1."""
    model, facts = load()

    def extract(images: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        features, logits = model(torch.from_numpy(images).float() / 127.5 - 1)
        return features / facts["scale"], logits

    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()[:16]
    return Extractor("digits", f"digits-{digest}", extract, _require)


def _require(shape: tuple[int, ...]) -> None:
    if shape[1:] != (1, SIDE, SIDE):
        size = " x ".join(map(str, shape[1:]))
        raise InputError(
            f"the extractor 'digits' takes grey images of 1 x {SIDE} x {SIDE}, and these are"
            f" {size}; score them with --extractor inception --extractor-weights FILE"
        )
