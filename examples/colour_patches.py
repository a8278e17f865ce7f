"""Colour patches as class folders: squares of two photographs in scikit-learn.

    pip install --no-deps scikit-learn joblib threadpoolctl
    python examples/colour_patches.py patches --count 200
    ddpm reproduce --preset tiny --dataset patches --out runs/patches

No download. The photographs are china.jpg and flower.jpg, 427 x 640 pixels each.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from PIL import Image

from ddpm.errors import InputError
from safe_files import CannotWrite, replacing

REDUCTION = 2  # photographs are halved first, so that a patch shows more than one surface


def photographs() -> dict[str, Image.Image]:
    """Return china and flower, by name.

    Raises:
        InputError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_sample_images
    except ImportError as error:
        raise InputError(
            f"the photographs are scikit-learn's ({error}); type pip install --no-deps scikit-learn"
            " joblib threadpoolctl"
        ) from None
    samples = load_sample_images()
    return {
        Path(name).stem: Image.fromarray(pixels)
        for name, pixels in zip(samples.filenames, samples.images, strict=True)
    }


def patches(photograph: Image.Image, count: int, size: int, seed: int) -> list[Image.Image]:
    """Cut `count` squares of `size` pixels at random positions."""
    photograph = photograph.reduce(REDUCTION)
    random = np.random.default_rng(seed)
    corners = zip(
        random.integers(0, photograph.width - size + 1, count).tolist(),
        random.integers(0, photograph.height - size + 1, count).tolist(),
        strict=True,
    )
    return [photograph.crop((x, y, x + size, y + size)) for x, y in corners]


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--count", type=click.IntRange(min=1), default=200, help="Patches per class.")
@click.option(
    "--size",
    type=click.IntRange(8, 200),
    default=32,
    help="Height and width of a patch, in pixels.",
)
@click.option("--seed", type=int, default=0, help="Seed of the positions.")
def main(out: Path, count: int, size: int, seed: int) -> None:
    """Write OUT/china and OUT/flower, a data set for ddpm prepare, train and reproduce."""
    try:
        for name, photograph in photographs().items():
            for i, patch in enumerate(patches(photograph, count, size, seed)):
                with replacing(out / name / f"{i:04d}.png", durable=False) as temporary:
                    patch.save(temporary)
    except (InputError, CannotWrite) as error:
        click.echo(f"colour_patches: {error}", err=True)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
