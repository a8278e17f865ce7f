"""Features that a network computes from images; every score is a function of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from ddpm.errors import InputError
from ddpm.logs.progress_stream import progress_stream


@dataclass(frozen=True, eq=False)
class Features:
    """Features of a set of images.

    Attributes:
        vectors: float64 (N, D).
        logits: float64 (N, K), of the extractor's K classes.
    """

    vectors: NDArray[np.float64]
    logits: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.vectors)


@dataclass(frozen=True)
class Extractor:
    """A network that computes features of images.

    Attributes:
        name: `digits` or `inception`.
        identity: changes whenever its weights do.
        extract: uint8 (N, C, H, W) -> vectors (N, D) and logits (N, K).
        require: raises InputError for images of a shape that the network does not take.
    """

    name: str
    identity: str
    extract: Callable[[NDArray[np.uint8]], tuple[torch.Tensor, torch.Tensor]]
    require: Callable[[tuple[int, ...]], None]

    @property
    def fid_label(self) -> str:
        """Name of the Fréchet distance of its features: `FID` only for the paper's network."""
        return "FID" if self.name == "inception" else f"FID-{self.name}"

    @property
    def inception_label(self) -> str:
        """Name of the Inception Score of its classes."""
        return "Inception Score" if self.name == "inception" else f"Inception Score ({self.name})"


def features(images: NDArray[np.uint8], extractor: Extractor, *, batch_size: int = 64) -> Features:
    """Compute the features of images (N, C, H, W), 0 … 255.

    Raises:
        InputError: the extractor does not take images of this shape, or gives NaN.
    """
    extractor.require(images.shape)
    vectors: list[Any] = []
    logits: list[Any] = []
    starts = range(0, len(images), batch_size)
    hidden = len(starts) < 20
    with torch.inference_mode():
        for i in tqdm(
            starts, desc=f"features ({extractor.name})", disable=hidden, file=progress_stream()
        ):
            batch = extractor.extract(images[i : i + batch_size])
            vectors.append(batch[0].double().numpy())
            logits.append(batch[1].double().numpy())
    computed = Features(np.concatenate(vectors), np.concatenate(logits))
    for array in (computed.vectors, computed.logits):
        if not np.isfinite(array).all():
            raise InputError(
                f"the features of {extractor.name!r} are not finite: its weights are damaged; give"
                " other weights"
            )
    return computed
