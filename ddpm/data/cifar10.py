"""CIFAR-10, in its binary form (preferred) or its Python form (a pickle, only by name)."""

from __future__ import annotations

import io
import os
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.data.archives import Member, is_tar, members, read_file
from ddpm.data.raw_images import RawImages
from ddpm.errors import InputError

CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
_SHAPE = (3, 32, 32)
_VALUES = 3 * 32 * 32
_TRAINING = re.compile(r"data_batch_\d+(\.bin)?(\.gz)?")


def read(source: Path, *, allow_pickle: bool = False) -> RawImages:
    """Read the training images of a folder or tar archive, or one named batch.

    Args:
        source: a folder or tar archive with `data_batch_1.bin` … (binary version) or `data_batch_1`
            … (Python version); or one such file, such as `test_batch.bin`.
        allow_pickle: read the Python version, through an unpickler that admits only arrays.

    Raises:
        InputError: no batch is there, one is missing among them, truncated or damaged, or they are
            pickles and `allow_pickle` is off.
    """
    batches = [_parse(file, allow_pickle=allow_pickle) for file in _files(source)]
    images = np.concatenate([images for images, _ in batches])
    labels = np.concatenate([labels for _, labels in batches])
    return RawImages(images, labels, CLASSES)


def _files(source: Path) -> list[Member]:
    if not os.path.isdir(source) and not is_tar(source):
        return [Member(str(source), read_file(source))]
    files = members(source, _TRAINING)
    binary = {name: file for name, file in files.items() if name.endswith(".bin")}
    chosen, suffix = (binary, ".bin") if binary else (files, "")
    if not chosen:
        raise InputError(
            f"{source} has no data_batch_1.bin …; give the folder or archive of CIFAR-10"
        )
    names = [f"data_batch_{i}{suffix}" for i in range(1, 1 + len(chosen))]
    missing = [name for name in names if name not in chosen]
    if missing:
        raise InputError(
            f"{source} lacks {missing[0]}, though it has {max(chosen)}; download it again"
        )
    return [chosen[name] for name in names]


def _parse(file: Member, *, allow_pickle: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return images uint8 (N, 3, 32, 32) and labels int64 (N,) of one batch."""
    if file.content[:1] == pickle.PROTO:  # 128, which no label of the binary form can be
        if not allow_pickle:
            raise InputError(
                f"{file.where} is a pickle, which can run code and is not loaded; give the binary"
                " form (cifar-10-binary.tar.gz), or allow it by name with --allow-pickle"
            )
        images, labels = _parse_python(file)
    else:
        images, labels = _parse_binary(file)
    if labels.min() < 0 or labels.max() >= len(CLASSES):
        raise InputError(f"{file.where} has labels outside 0 … 9; give CIFAR-10, not CIFAR-100")
    return images.reshape(-1, *_SHAPE), labels


def _parse_binary(file: Member) -> tuple[np.ndarray, np.ndarray]:
    if not file.content or len(file.content) % (1 + _VALUES):
        raise InputError(
            f"{file.where} is damaged or no CIFAR-10 batch: its {len(file.content)} bytes are not a"
            f" whole number of {1 + _VALUES}-byte records; download it again"
        )
    records = np.frombuffer(file.content, np.uint8).reshape(-1, 1 + _VALUES)
    return records[:, 1:], records[:, 0].astype(np.int64)


def _parse_python(file: Member) -> tuple[np.ndarray, np.ndarray]:
    try:
        batch = _ArraysOnly(io.BytesIO(file.content), encoding="bytes").load()
        images, labels = np.asarray(batch[b"data"]), np.asarray(batch[b"labels"], np.int64)
    except Exception as error:  # a damaged pickle can fail in any way at all
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(
            f"{file.where} is not a CIFAR-10 batch ({reason}); download it again"
        ) from error
    if images.dtype != np.uint8 or images.shape != (labels.size, _VALUES) or not labels.size:
        raise InputError(
            f"{file.where} is not a CIFAR-10 batch: its data are {images.dtype} {images.shape} for"
            f" {labels.size} labels, not uint8 (N, {_VALUES}); download it again"
        )
    return images, labels


class _ArraysOnly(pickle.Unpickler):
    """Admits plain containers and NumPy's array reconstruction, and no other callable."""

    def find_class(self, module: str, name: str) -> Any:
        where = module.replace("numpy._core", "numpy.core")  # NumPy 2's name for it
        if (where, name) == ("numpy.core.multiarray", "_reconstruct"):
            return _reconstruct
        if (where, name) == ("numpy.core.numeric", "_frombuffer"):  # protocol 5
            return _frombuffer
        if (module, name) in {("numpy", "ndarray"), ("numpy", "dtype")}:
            return getattr(np, name)
        if (module, name) == ("_codecs", "encode"):  # how protocol 2 of Python 3 stores bytes
            return _encode
        raise pickle.UnpicklingError(f"{module}.{name} is not admitted")


def _reconstruct(subtype: type, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    if subtype is not np.ndarray or shape != (0,):
        raise pickle.UnpicklingError("not an empty array to be filled")
    return np.ndarray(shape, dtype)


def _frombuffer(content: bytes, dtype: Any, shape: tuple[int, ...], order: Any) -> np.ndarray:
    return np.frombuffer(content, dtype).reshape(shape, order=order)


def _encode(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError(f"the encoding {encoding!r} is not admitted")
    return text.encode("latin1")
