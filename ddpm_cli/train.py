"""`ddpm train`: train a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ddpm import training
from ddpm.checkpoint import Checkpoint
from ddpm.config import RunConfig, preset
from ddpm.data import image_set
from ddpm.errors import InputError
from ddpm.launch import launched, require_launcher
from ddpm_cli.configure import configure
from ddpm_cli.options import (
    DATASET,
    acceleration_options,
    device_option,
    file_or_folder,
    framework_choice,
    preset_choice,
)
from implementations import TITLES, Acceleration, trainer


@click.command()
@click.option(
    "--framework", type=framework_choice, default="torch", help="The implementation that trains."
)
@click.option("--dataset", metavar=DATASET, help="The data set that ddpm prepare has prepared.")
@click.option(
    "--data",
    "data_path",
    type=file_or_folder,
    help="The prepared data set. [default: data/DATASET_processed.npz]",
)
@click.option(
    "--preset",
    "preset_name",
    type=preset_choice,
    help="The model and all options that are not given. [default: cifar10 for that data set, else"
    " mnist]",
)
@click.option("--epochs", type=int, help="Passes over the data set. [default: the preset's]")
@click.option("--batch-size", type=int, help="Images per step. [default: the preset's]")
@click.option(
    "--image-channels", type=int, help="1 for grey, 3 for colour. [default: the data set's]"
)
@click.option("--lr", type=float, help="Adam's learning rate. [default: the preset's]")
@click.option("--T", "T", type=int, help="Training timesteps. [default: the preset's]")
@click.option(
    "--schedule",
    type=click.Choice(["linear", "cosine"]),
    help="How the noise grows with the timestep. [default: the preset's]",
)
@click.option("--seed", type=int, help="Seed of all random numbers. [default: the preset's]")
@click.option(
    "--resume",
    type=file_or_folder,
    help="A checkpoint to continue from; the result equals an uninterrupted run's bit for bit."
    " --epochs may be raised.",
)
@click.option("--save-every", type=int, default=1, help="Epochs between checkpoints.")
@click.option(
    "--out",
    type=file_or_folder,
    default=Path(),
    help="The folder in which logs/ and checkpoints/ are written.",
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
    """Train a diffusion model on a prepared data set.

    Writes logs/train_log.txt (every loss), logs/performance_log.txt (every epoch's speed),
    logs/loss_curve_DATASET.png and checkpoints/ddpm_DATASET_epochN.safetensors, which both
    frameworks can read. Ctrl-C stops after the current step, saves a checkpoint and prints the
    command that continues.

    \b
    With PyTorch several processes can share each batch of --batch-size images:
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
        click.echo(f"interrupted; continue with: {_resume_command(outcome.checkpoint)}", err=True)
        sys.exit(130)
    click.echo(f"{outcome.checkpoint}: {config.train.epochs} epochs done")


def _require_unfinished(state: Checkpoint, config: RunConfig) -> None:
    if state.epoch >= config.train.epochs:
        raise InputError(
            f"the checkpoint has {state.epoch} of {config.train.epochs} epochs done; raise --epochs"
        )


def _resume_command(checkpoint: Path) -> str:
    """Return this command line, continuing from the checkpoint."""
    words = ["ddpm", *sys.argv[1:]]
    kept = [
        word
        for i, word in enumerate(words)
        if word != "--resume" and (i == 0 or words[i - 1] != "--resume")
    ]
    launcher = [f"{launched().by} …"] if launched().by else []
    return " ".join([*launcher, *kept, "--resume", str(checkpoint)])
