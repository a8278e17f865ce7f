"""Safetensors files: written complete or not at all, and equal for equal contents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from safe_files import CannotWrite, replacing


def save_tensors(
    tensors: Mapping[str, np.ndarray], path: Path, metadata: Mapping[str, str]
) -> None:
    """Write arrays by name, and texts by name.

    Raises:
        CannotWrite: the path cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    # safetensors copies memory in its order, which is wrong for a transposed view
    arrays = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    with replacing(path) as temporary:
        try:
            save_file(arrays, temporary, metadata=dict(metadata))
            sort_metadata(temporary)
        except SafetensorError as error:
            raise CannotWrite(f"{path} cannot be written: {error}; choose another path") from error


def sort_metadata(path: Path) -> None:
    """Sort the metadata of a safetensors file, which the library writes in a random order.

    Equal checkpoints are then equal files. The header keeps its size, so nothing else moves.
    """
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        metadata = dict(sorted(header.pop("__metadata__").items()))
        ordered = {"__metadata__": metadata, **header}
        text = json.dumps(ordered, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) <= size:  # the library escapes no more than this
            file.seek(8)
            file.write(text.ljust(size))
