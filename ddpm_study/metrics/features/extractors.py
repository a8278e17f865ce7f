"""The feature extractors by name. The choice decides what a score means."""

from __future__ import annotations

from pathlib import Path

from ddpm.errors import InputError
from ddpm_study.metrics.features import digit_classifier, inception_network
from ddpm_study.metrics.features.feature_extraction import Extractor

NAMES = ("digits", "inception")


def choose(name: str, weights: Path | None = None) -> Extractor:
    """Return an extractor by name.

    Args:
        name: `digits`, trained by this project on real digits, or `inception`.
        weights: a local file with the weights of `inception`.

    Raises:
        InputError: there is no such extractor, or its weights are not available.
    """
    if name == "digits":
        return digit_classifier.extractor()
    if name == "inception":
        return inception_network.extractor(weights)
    raise InputError(f"there is no extractor {name!r}: choose from {', '.join(NAMES)}")
