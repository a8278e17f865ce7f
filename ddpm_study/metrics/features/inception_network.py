"""Inception-v3 of the FID paper, from torch-fidelity, with weights from a local file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddpm.errors import InputError
from ddpm_study.metrics.features.feature_extraction import Extractor
from safe_files.reading import CannotRead, require_file

FILE = "weights-inception-2015-12-05-6726825d.pth"
SOURCE = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/" + FILE
VARIABLE = "DDPM_INCEPTION_WEIGHTS"


def extractor(weights: Path | None = None) -> Extractor:
    """Return the extractor of 2,048 features and 1,008 classes.

    Args:
        weights: torch-fidelity's file; None for the file that the environment variable
            `DDPM_INCEPTION_WEIGHTS` names. It is a pickle, of which only tensors are read.

    Raises:
        InputError: there is no such file, it is damaged, or torch-fidelity is not installed.
    """
    named = weights or (Path(os.environ[VARIABLE]) if VARIABLE in os.environ else None)
    try:
        missing = "no weights were named" if named is None else ""
        if named is not None:
            require_file(named)
    except CannotRead as error:
        missing = str(error)
    if named is None or missing:
        raise InputError(
            f"the extractor 'inception' needs its weights, and {missing}; get {SOURCE} and add"
            f" --extractor-weights {FILE}, or use --extractor digits"
        )
    try:  # torch-fidelity 0.4 unpickles anything: refuse here whatever is not a tensor
        torch.load(named, map_location="cpu", weights_only=True)
    except Exception:  # any kind, from a damaged file; PyTorch's text advises to trust the file
        raise InputError(
            f"{named} is damaged, or holds more than tensors and is not opened; get {SOURCE}"
        ) from None
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise InputError(
            f"the extractor 'inception' needs torch-fidelity ({error}); install it with pip install"
            " 'ddpm-parity[inception]', or use --extractor digits"
        ) from None
    try:
        network = FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048", "logits_unbiased"], str(named)
        ).eval()
    except Exception as error:  # tensors of another network
        text = " ".join(str(error).split())[:120]
        raise InputError(f"{named} holds no weights of Inception-v3: {text}") from None

    def extract(images: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        colour = np.repeat(images, 3, axis=1) if images.shape[1] == 1 else images
        vectors, logits = network(torch.from_numpy(np.ascontiguousarray(colour)))
        return vectors, logits

    digest = hashlib.sha256(named.read_bytes()).hexdigest()[:16]
    return Extractor("inception", f"inception-{digest}", extract, _require)


def _require(shape: tuple[int, ...]) -> None:
    if shape[1] not in (1, 3):
        raise InputError(f"images have {shape[1]} channels; Inception takes grey or RGB")
