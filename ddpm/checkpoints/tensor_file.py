"""Weights alone in a safetensors file, without anything that belongs to a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from safe_files import CannotWrite, replacing


def save_weights(weights: Mapping[str, np.ndarray], path: Path) -> None:
    """Write arrays by name, in a file that every reader of safetensors opens.

    Raises:
        CannotWrite: the path cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    # safetensors copies memory in its order, which is wrong for a transposed view
    arrays = {name: np.asarray(array, order="C") for name, array in weights.items()}
    with replacing(path) as temporary:
        try:
            save_file(arrays, temporary, metadata={"format": "pt"})
        except SafetensorError as error:
            raise CannotWrite(f"{path} cannot be written: {error}; choose another path") from error
