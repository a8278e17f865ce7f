"""Loading of images to be scored: a folder of PNG files, or an .npz of ddpm prepare."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ddpm.data.class_folders import decode, images_among, report_skipped
from ddpm.data.image_set import ImageSet
from ddpm.data.limits import require_set
from ddpm.errors import InputError
from ddpm.images import to_uint8
from ddpm.logs.progress_stream import progress_stream
from ddpm.sampling import is_unfinished
from safe_files.reading import CannotRead, require_file, show


def read_images(path: Path) -> NDArray[np.uint8]:
    """Return the images of a folder or an .npz, uint8 (N, C, H, W), C = 1 or 3.

    Raises:
        InputError: there is no such path, no image, a damaged one, or images of several sizes.
    """
    if os.path.isdir(path):  # unlike Path's, it takes any name
        return _folder(path)
    try:
        require_file(path)
    except CannotRead as error:
        raise InputError(f"{error}; give a folder of PNG files or an .npz") from None
    if path.suffix == ".npz":
        return to_uint8(ImageSet.load(path).images)
    raise InputError(f"{show(path)} is neither a folder of PNG files nor an .npz of ddpm prepare")


def _folder(folder: Path) -> NDArray[np.uint8]:
    paths, skipped = images_among(folder.iterdir())
    if not paths:
        raise InputError(f"{show(folder)} holds no images; make some with ddpm sample")
    report_skipped(folder, skipped)
    if is_unfinished(folder):
        print(f"{folder}: of an unfinished ddpm sample, which lacks images", file=sys.stderr)
    hidden = len(paths) < 2000
    images: list[NDArray[np.uint8]] = []
    for path in tqdm(paths, desc=f"read {folder.name}", disable=hidden, file=progress_stream()):
        image = decode(path)
        if images and image.shape != images[0].shape:
            raise InputError(
                f"{path} is {_size(image)} and {paths[0].name} is {_size(images[0])}; a score needs"
                " images of one size: leave only those of one run in the folder"
            )
        images.append(image)
        if len(images) == 1:
            require_set(len(paths), *image.shape)
    return np.stack(images)


def _size(image: NDArray[np.uint8]) -> str:
    return " x ".join(map(str, image.shape))
