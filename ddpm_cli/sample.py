"""`ddpm sample`: draw images from a checkpoint."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ddpm import images, sampling
from ddpm.checkpoint import Checkpoint
from ddpm.errors import InputError
from ddpm_cli.options import acceleration_options, device_option, framework_choice
from implementations import TITLES, Acceleration, chain


@click.command()
@click.option(
    "--ckpt", required=True, type=click.Path(path_type=Path), help="A checkpoint of ddpm train."
)
@click.option("--framework", type=framework_choice, help="Who samples. [default: who trained]")
@click.option("--num-samples", type=int, default=16, help="How many images.")
@click.option("--batch-size", type=int, default=16, help="Images at a time; changes no image.")
@click.option("--image-channels", type=int, help="Must be the checkpoint's.")
@click.option("--size", type=int, help="Must be the checkpoint's.")
@click.option("--seed", type=int, default=0, help="Of the sampler's noise.")
@click.option("--out", type=click.Path(path_type=Path), default=Path(), help="Where to write.")
@click.option("--overwrite", is_flag=True, help="Remove the samples of an earlier run first.")
@device_option
@acceleration_options
def command(
    ckpt: Path,
    framework: str | None,
    num_samples: int,
    batch_size: int,
    seed: int,
    out: Path,
    overwrite: bool,
    device: str,
    acceleration: Acceleration,
    **shape: int | None,
) -> None:
    """Draw images from a checkpoint's averaged weights.

    Writes fid/sample_N.png, samples/sample_grid.png, samples/step_tXXXX.png (the states on the way)
    and samples/denoising_strip.png. The same seed gives the same images in either framework; with
    --compile or --precision bfloat16 nearly the same.
    """
    checkpoint = Checkpoint.load(ckpt)
    _require_shape(checkpoint, shape)
    options = {"num_samples": num_samples, "batch_size": batch_size, "seed": seed}
    checkpoint = replace(checkpoint, config=checkpoint.config.with_(sample=options))
    _make_way(out / "fid", overwrite=overwrite)
    framework = framework or checkpoint.framework
    outcome = sampling.sample(
        chain(framework, checkpoint, device, acceleration=acceleration),
        checkpoint.config,
        label=TITLES[framework],
    )
    images.save_samples(outcome.images, out / "fid")
    sampling.save_pictures(outcome, out / "samples")
    click.echo(f"{out / 'samples' / 'sample_grid.png'}: {num_samples} images")


def _require_shape(checkpoint: Checkpoint, shape: dict[str, Any]) -> None:
    unet = checkpoint.config.unet
    for option, asked, has in (
        ("--image-channels", shape["image_channels"], unet.image_channels),
        ("--size", shape["size"], unet.image_size),
    ):
        if asked not in (None, has):
            raise InputError(
                f"{option} {asked}, but the checkpoint was trained on {has}; leave the option out"
            )


def _make_way(folder: Path, *, overwrite: bool) -> None:
    """See to it that `folder` holds no samples of an earlier run, which a score would mix in."""
    old = [p for p in folder.glob("sample_*.png") if re.fullmatch(r"sample_\d+\.png", p.name)]
    if old and not overwrite:
        raise InputError(
            f"{folder} holds {len(old)} samples of an earlier run; add --overwrite to remove them,"
            " or choose another --out"
        )
    for path in old:
        path.unlink()
