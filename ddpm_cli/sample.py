"""`ddpm sample`: draw images from a checkpoint."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

from ddpm import sampling
from ddpm.checkpoint import Checkpoint
from ddpm.config import SAMPLERS, SPACINGS
from ddpm.errors import InputError
from ddpm.wording import counted
from ddpm_cli.options import (
    acceleration_options,
    device_option,
    file_or_folder,
    framework_choice,
)
from implementations import TITLES, Acceleration, chain
from safe_files.reading import sha256


@click.command()
@click.option("--ckpt", required=True, type=file_or_folder, help="A checkpoint of ddpm train.")
@click.option(
    "--framework",
    type=framework_choice,
    help="The implementation that samples. [default: the one that trained]",
)
@click.option("--num-samples", type=int, default=16, help="Images to draw.")
@click.option("--batch-size", type=int, default=16, help="Images at a time; it changes no image.")
@click.option(
    "--image-channels", type=int, help="Refuse a checkpoint of other channels. [default: any]"
)
@click.option("--size", type=int, help="Refuse a checkpoint of another image size. [default: any]")
@click.option(
    "--sampler",
    type=click.Choice(SAMPLERS),
    default="ddpm",
    help="How each step removes noise. ddpm: ancestral sampling (Ho et al. 2020). For few steps:"
    " ddim (Song et al. 2021), dpm-solver++ (2M, Lu et al. 2022) and heun (Karras et al. 2022, two"
    " calls of the network a step).",
)
@click.option(
    "--steps",
    type=int,
    help="Sampling steps, evenly spaced over the training timesteps. [default: all of them]",
)
@click.option(
    "--spacing",
    type=click.Choice(SPACINGS),
    default="linspace",
    help="Where fewer steps lie: linspace from the first timestep to the last, leading from the"
    " first, trailing to the last.",
)
@click.option(
    "--eta",
    type=float,
    help="For ddim: fresh noise of a step, from none at 0 to that of ddpm at 1. [default: 0]",
)
@click.option(
    "--weights",
    type=click.Choice(("ema", "raw")),
    default="ema",
    help="ema: the averaged weights. raw: those of the last step.",
)
@click.option("--seed", type=int, default=0, help="Seed of the noise.")
@click.option(
    "--out",
    type=file_or_folder,
    default=Path(),
    help="The folder in which fid/ and samples/ are written.",
)
@click.option("--overwrite", is_flag=True, help="Replace the samples of an earlier run.")
@device_option
@acceleration_options
def command(
    ckpt: Path,
    framework: str | None,
    num_samples: int,
    batch_size: int,
    sampler: str,
    steps: int | None,
    spacing: str,
    eta: float | None,
    weights: str,
    seed: int,
    out: Path,
    overwrite: bool,
    device: str,
    acceleration: Acceleration,
    **shape: int | None,
) -> None:
    """Draw images from a checkpoint.

    Writes fid/sample_N.png, samples/sample_grid.png, samples/step_tXXXX.png (the noisy images at
    ten timesteps) and samples/denoising_strip.png. One seed gives the same images in both
    frameworks; with --compile or --precision bfloat16, nearly the same. Images are written as they
    come, and the same command continues an interrupted run, even after kill -9.
    """
    checkpoint = Checkpoint.load(ckpt)
    _require_shape(checkpoint, shape)
    sizes = {"num_samples": num_samples, "batch_size": batch_size, "steps": steps}
    options = {**sizes, "sampler": sampler, "spacing": spacing, "eta": eta, "seed": seed}
    checkpoint = replace(checkpoint, config=checkpoint.config.with_(sample=options))
    framework = framework or checkpoint.framework
    run = _identity(ckpt, checkpoint, framework, device, weights, acceleration)
    try:
        with sampling.sample_folder(out, run, checkpoint.config, overwrite=overwrite) as folder:
            averaged = weights == "ema"
            drawn = chain(
                framework, checkpoint, device, acceleration=acceleration, averaged=averaged
            )
            sampling.draw(drawn, checkpoint.config, folder, label=TITLES[framework])
    except KeyboardInterrupt:
        click.echo("interrupted; the same command continues the run", err=True)
        sys.exit(130)
    if weights == "ema":
        _warn_of_young_average(checkpoint)
    kind = "averaged weights" if weights == "ema" else "weights of the last step"
    grid = out / "samples" / "sample_grid.png"
    click.echo(f"{grid}: {counted(num_samples, 'image')} from the {kind}")


def _identity(
    path: Path,
    checkpoint: Checkpoint,
    framework: str,
    device: str,
    weights: str,
    acceleration: Acceleration,
) -> dict[str, Any]:
    """Return all that decides the bits of the images, by option: no other run is continued."""
    config = checkpoint.config
    return {
        "--ckpt": sha256(path),
        "--framework": framework,
        f"version of {framework}": _version(framework),
        "--device": device,
        "--weights": weights,
        "--compile": acceleration.compiled,
        "--precision": "bfloat16" if acceleration.bfloat16 else "float32",
        "--num-samples": config.sample.num_samples,
        "--batch-size": config.sample.batch_size,
        "--sampler": config.sample.sampler,
        "--steps": len(config.sample.timesteps(config.diffusion.T)),
        "--spacing": config.sample.spacing,
        "--eta": config.sample.eta,
        "--seed": config.sample.seed,
    }


def _version(framework: str) -> str:
    """Return the version of a framework, which may be missing; starting it says so in a line."""
    try:
        return version(framework)
    except PackageNotFoundError:
        return ""


def _warn_of_young_average(checkpoint: Checkpoint) -> None:
    """Say that the averaged weights still hold much of the initial ones, where they do."""
    memory = 1 / (1 - checkpoint.config.train.ema_decay)
    if checkpoint.step < memory:
        click.echo(
            f"ddpm sample: after {checkpoint.step:,} steps the averaged weights, whose memory is "
            f"about {memory:,.0f} steps, still hold much of the initial ones; --weights raw takes "
            "those of the last step",
            err=True,
        )


def _require_shape(checkpoint: Checkpoint, shape: dict[str, Any]) -> None:
    unet = checkpoint.config.unet
    for option, requested, actual in (
        ("--image-channels", shape["image_channels"], unet.image_channels),
        ("--size", shape["size"], unet.image_size),
    ):
        if requested not in (None, actual):
            raise InputError(
                f"{option} {requested}, but the checkpoint was trained on {actual}; leave the"
                " option out"
            )
