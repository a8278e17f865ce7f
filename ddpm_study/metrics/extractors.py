"""What looks at images for a score, and what it sees. The choice decides what a score means."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from ddpm.errors import InputError

NAMES = ("digits", "inception")


@dataclass(frozen=True, eq=False)
class Features:
    """What an extractor sees in a set of images.

    Attributes:
        vectors: float64 (N, D).
        logits: float64 (N, K), of the classes that it tells apart.
    """

    vectors: NDArray[np.float64]
    logits: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.vectors)


@dataclass(frozen=True)
class Extractor:
    """A network that sees features in images.

    Attributes:
        name: `digits` or `inception`.
        identity: changes whenever its weights do.
        see: uint8 (N, C, H, W) -> vectors (N, D) and logits (N, K).
        require: raises InputError for images of a shape that it cannot see.
    """

    name: str
    identity: str
    see: Callable[[NDArray[np.uint8]], tuple[torch.Tensor, torch.Tensor]]
    require: Callable[[tuple[int, ...]], None]

    @property
    def fid_label(self) -> str:
        """What its Fréchet distance is called: FID alone only for the network of the paper."""
        return "FID" if self.name == "inception" else f"FID-{self.name}"

    @property
    def inception_label(self) -> str:
        """What its Inception Score is called."""
        return "Inception Score" if self.name == "inception" else f"Inception Score ({self.name})"


def choose(name: str, weights: Path | None = None) -> Extractor:
    """Return an extractor by name.

    Args:
        name: `digits`, trained by this project on real digits, or `inception`.
        weights: of `inception`, a local file.

    Raises:
        InputError: no such extractor, or its weights cannot be had.
    """
    if name == "digits":
        from ddpm_study.metrics import digit_classifier

        return digit_classifier.extractor()
    if name == "inception":
        from ddpm_study.metrics import inception_network

        return inception_network.extractor(weights)
    raise InputError(f"there is no extractor {name!r}: choose from {', '.join(NAMES)}")


def features(images: NDArray[np.uint8], extractor: Extractor, *, batch_size: int = 64) -> Features:
    """Look at images (N, C, H, W), 0 … 255.

    Raises:
        InputError: they are not of a kind that the extractor can see.
    """
    extractor.require(images.shape)
    vectors: list[Any] = []
    logits: list[Any] = []
    starts = range(0, len(images), batch_size)
    hidden = len(starts) < 20
    with torch.inference_mode():
        for i in tqdm(starts, desc=f"features ({extractor.name})", disable=hidden, file=sys.stderr):
            seen = extractor.see(images[i : i + batch_size])
            vectors.append(seen[0].double().numpy())
            logits.append(seen[1].double().numpy())
    return Features(np.concatenate(vectors), np.concatenate(logits))
