"""Data sets of one folder of PNG or JPEG files per class."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.data.limits import LARGEST_PICTURE, require_set
from ddpm.data.raw_images import RawImages, UInt8, fit, from_pillow
from ddpm.errors import InputError
from ddpm.logs.progress_stream import progress_stream
from safe_files.reading import CannotRead, require_file, show

SUFFIXES = (".png", ".jpg", ".jpeg")
_OTHER_IMAGES = (".bmp", ".gif", ".tif", ".tiff", ".webp")
_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")
_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")


def read(
    folder: Path, *, size: int | None = None, channels: int | None = None, progress: bool = True
) -> RawImages:
    """Read `folder/CLASS/*.png`, or `folder/*.png` as a single class named after the folder.

    Args:
        folder: of the data set; hidden files and files that are not images are ignored.
        size: resize every image to this square; None keeps the images' common size.
        channels: 1 for grey, 3 for RGB; None for 1 if every image is grey, else 3.
        progress: show a bar on stderr.

    Returns:
        The set, classes in the order of their names. Transparent pixels become white.

    Raises:
        InputError: no images, an empty class, images outside the classes or of a format that is not
            read, a corrupt image, or mixed sizes without `size`.
    """
    from tqdm import tqdm

    classes, skipped = _classes(folder)
    report_skipped(folder, skipped)
    files = [(path, label) for label, paths in enumerate(classes.values()) for path in paths]
    if size is not None:
        require_set(len(files), channels or 1, size, size)
    images: list[Any] = []
    stream = progress_stream()
    for path, _ in tqdm(files, desc=f"reading {folder.name}", disable=not progress, file=stream):
        image = _decode(path)
        images.append(image if size is None else fit(image, size))
        _require_same_size(path, images[-1], files[0][0], images[0])
        if len(images) == 1:
            require_set(len(files), channels or len(image.getbands()), *image.size)
    if channels is None:
        channels = 1 if all(image.mode == "L" for image in images) else 3
    mode = "L" if channels == 1 else "RGB"
    pixels = np.stack([from_pillow(image.convert(mode)) for image in images])
    labels = np.array([label for _, label in files], np.int64)
    return RawImages(pixels, labels, tuple(classes))


def decode(path: Path) -> UInt8:
    """Decode one PNG or JPEG of any mode, uint8 (C, H, W), C = 1 if it is grey, else 3.

    Raises:
        InputError: it is missing, truncated or damaged.
    """
    return from_pillow(_decode(path))


def images_among(paths: Iterable[Path]) -> tuple[list[Path], int]:
    """Return the PNG and JPEG files among paths, sorted, and how many other files there are.

    Hidden files are among the others: temporary files of a run that was ended have such names.

    Raises:
        InputError: one is an image of a format that is not read, or is called one and is a broken
            link, a FIFO or a device.
    """
    images, skipped = [], 0
    for path in sorted(paths):
        is_hidden = path.name.startswith(".")
        if path.is_dir() and (is_hidden or path.suffix.lower() not in SUFFIXES):
            continue
        try:
            require_file(path)
        except CannotRead as error:
            if is_hidden or path.suffix.lower() not in SUFFIXES:
                skipped += 1
                continue
            raise InputError(f"{error}; remove it") from None
        if path.suffix.lower() in _OTHER_IMAGES and not is_hidden:
            raise InputError(f"{path} is neither PNG nor JPEG; convert or remove it")
        if path.suffix.lower() in SUFFIXES and not is_hidden:
            images.append(path)
        else:
            skipped += 1
    return images, skipped


def report_skipped(folder: Path, skipped: int) -> None:
    """Say on stderr how many files of a folder were no images, if there were any."""
    if skipped:
        files = "file is" if skipped == 1 else "files are"
        print(f"{folder}: {skipped} {files} hidden or no images; skipped", file=sys.stderr)


def _classes(folder: Path) -> tuple[dict[str, list[Path]], int]:
    """Return each class's files, sorted, and the number of files that are skipped."""
    subfolders = [path for path in _visible(folder) if path.is_dir()]
    loose, skipped = images_among(folder.iterdir())
    if loose and subfolders:
        raise InputError(
            f"{loose[0]} lies outside the class folders {subfolders[0].name} …; move it into one"
        )
    if loose:
        return {folder.resolve().name: loose}, skipped
    classes = {}
    for subfolder in subfolders:
        classes[subfolder.name], others = images_among(subfolder.rglob("*"))
        skipped += others
    if not any(classes.values()):
        raise InputError(f"{folder} has no images: give a folder of class folders of PNG or JPEG")
    for name, paths in classes.items():
        if not paths:
            raise InputError(f"{folder / name} has no images: fill this class or remove its folder")
    return classes, skipped


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _decode(path: Path) -> Any:
    """Return a loaded Pillow image of mode L or RGB."""
    from PIL import Image, ImageOps

    try:
        require_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG", "JPEG")) as image:
                _require_pixels(path, image.size)
                image.verify()  # the checksums of a PNG, which loading alone does not check
            with Image.open(path, formats=("PNG", "JPEG")) as image:
                return _plain(ImageOps.exif_transpose(image))
    except InputError:
        raise
    except CannotRead as error:
        raise InputError(f"{error}; repair or remove it") from None
    except Exception as error:  # a damaged file can fail in any way at all
        reason = " ".join(str(error).replace(str(path), "").split())
        raise InputError(
            f"{show(path)} is corrupt or no image ({reason}); repair or remove it"
        ) from error


def _require_pixels(path: Path, size: tuple[int, int]) -> None:
    """Refuse a picture before it is decoded, if the memory might not hold it."""
    width, height = size
    if width * height > LARGEST_PICTURE:
        raise InputError(
            f"{show(path)} is {width:,} x {height:,}, and a picture may have {LARGEST_PICTURE:,}"
            " pixels; scale it down or remove it"
        )


def _plain(image: Any) -> Any:
    """Convert any mode to L or RGB; transparent pixels become white."""
    from PIL import Image

    grey = image.mode in _GREY
    if image.mode.startswith("I"):
        # Pillow's own conversion clips 16 bits at 255, or drops the low byte, by version.
        # The nearest whole number; 257 is odd, so that none lies half-way between two.
        return Image.fromarray(((np.asarray(image, np.uint32) + 128) // 257).astype(np.uint8))
    if image.mode in _ALPHA or "transparency" in image.info:
        colour = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", colour.size, "white"), colour)
    return image.convert("L" if grey else "RGB")


def _require_same_size(path: Path, image: Any, first_path: Path, first: Any) -> None:
    if image.size != first.size:
        raise InputError(
            f"{path} is {image.size[0]}x{image.size[1]}, but {first_path} is"
            f" {first.size[0]}x{first.size[1]}; resize them all with --size"
        )
