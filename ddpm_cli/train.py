"""`ddpm train`: train a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ddpm import training
from ddpm.checkpoint import Checkpoint
from ddpm.config import PRESETS, RunConfig, preset
from ddpm.data import image_set
from ddpm.errors import InputError
from ddpm.launch import launched, require_launcher
from ddpm_cli.options import acceleration_options, device_option, framework_choice
from implementations import TITLES, Acceleration, trainer


@click.command()
@click.option("--framework", type=framework_choice, default="torch", help="Who trains.")
@click.option("--dataset", metavar="mnist|cifar10|FOLDER", help="What was prepared.")
@click.option(
    "--data",
    "data_path",
    type=click.Path(path_type=Path),
    help="The prepared set. [default: data/DATASET_processed.npz]",
)
@click.option(
    "--preset",
    "preset_name",
    type=click.Choice(list(PRESETS)),
    help="Model and options to start from. [default: cifar10 for that set, else mnist]",
)
@click.option("--epochs", type=int, help="Passes over the set. [default: the preset's]")
@click.option("--batch-size", type=int, help="Images per step. [default: the preset's]")
@click.option("--image-channels", type=int, help="Must be the set's. [default: the set's]")
@click.option("--lr", type=float, help="Adam's learning rate. [default: the preset's]")
@click.option("--T", "T", type=int, help="Diffusion timesteps. [default: the preset's]")
@click.option("--schedule", type=click.Choice(["linear", "cosine"]), help="[default: the preset's]")
@click.option("--seed", type=int, help="Of every random stream. [default: the preset's]")
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    help="Go on from this checkpoint, exactly as if never broken off; --epochs may be raised.",
)
@click.option("--save-every", type=int, default=1, help="Epochs between checkpoints.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Where logs/ and checkpoints/ go.",
)
@device_option
@acceleration_options
def command(
    framework: str,
    dataset: str | None,
    data_path: Path | None,
    preset_name: str | None,
    epochs: int | None,
    resume: Path | None,
    save_every: int,
    out: Path,
    device: str,
    acceleration: Acceleration,
    **options: Any,
) -> None:
    """Train a model; Ctrl-C leaves a checkpoint to go on from.

    Writes logs/train_log.txt, logs/performance_log.txt, logs/loss_curve_DATASET.png and
    checkpoints/ddpm_DATASET_epochN.safetensors, which either framework can read.

    \b
    Several processes share each batch of --batch-size images, in PyTorch:
        torchrun --nproc-per-node 2 --no-python ddpm train --dataset mnist
    """
    require_launcher(framework, device)
    if save_every < 1:
        raise InputError(f"--save-every {save_every} cannot be used: it must be at least 1")
    state = None if resume is None else Checkpoint.load(resume)
    if state is not None:
        dataset = dataset or state.dataset
    if dataset is None:
        raise click.UsageError("Missing option '--dataset' (or give --resume).")
    images = image_set.ImageSet.load(data_path or image_set.default_path(dataset)).images
    base = preset(preset_name or ("cifar10" if dataset == "cifar10" else "mnist"))
    if state is not None:
        base = preset(preset_name) if preset_name else state.config
    config = configure(base, images.shape, epochs=epochs, **options)
    if state is not None:
        state.require_config(config)
        _require_unfinished(state, config)
    outcome = training.train(
        trainer(framework, config, device, acceleration=acceleration),
        images,
        dataset=image_set.dataset_name(dataset),
        folder=out,
        resume=state,
        save_every=save_every,
        label=TITLES[framework],
    )
    if launched().rank > 0:
        sys.exit(130 if outcome.interrupted else 0)
    if outcome.interrupted:
        click.echo(f"interrupted; go on with: {_resume_command(outcome.checkpoint)}", err=True)
        sys.exit(130)
    click.echo(f"{outcome.checkpoint}: {config.train.epochs} epochs done")


def configure(
    base: RunConfig,
    shape: tuple[int, ...],
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    image_channels: int | None = None,
    lr: float | None = None,
    T: int | None = None,
    schedule: str | None = None,
    seed: int | None = None,
) -> RunConfig:
    """Return `base` for images of `shape` (N, C, H, W), with the options that were given.

    Raises:
        InputError: the images are not square, or an option is out of range.
    """
    _, channels, height, width = shape
    if height != width:
        raise InputError(f"images are {height}x{width}, not square; prepare them with --size")
    if image_channels not in (None, channels):
        raise InputError(
            f"--image-channels {image_channels}, but the set's images have {channels}; prepare it"
            " with --image-channels, or leave the option out"
        )
    given: dict[str, dict[str, Any]] = {
        "train": {"epochs": epochs, "batch_size": batch_size, "lr": lr, "seed": seed},
        "diffusion": {"T": T, "schedule": schedule},
    }
    chosen = {
        part: {name: value for name, value in values.items() if value is not None}
        for part, values in given.items()
    }
    sized = RunConfig(
        unet=base.unet.for_images(height, channels),
        diffusion=base.diffusion,
        train=base.train,
        sample=base.sample,
    )
    return sized.with_(**chosen)


def _require_unfinished(state: Checkpoint, config: RunConfig) -> None:
    if state.epoch >= config.train.epochs:
        raise InputError(
            f"the checkpoint has {state.epoch} of {config.train.epochs} epochs done; raise --epochs"
        )


def _resume_command(checkpoint: Path) -> str:
    """Return the command line that was given, going on from the checkpoint."""
    words = ["ddpm", *sys.argv[1:]]
    kept = [
        word
        for i, word in enumerate(words)
        if word != "--resume" and (i == 0 or words[i - 1] != "--resume")
    ]
    launcher = [f"{launched().by} …"] if launched().by else []
    return " ".join([*launcher, *kept, "--resume", str(checkpoint)])
