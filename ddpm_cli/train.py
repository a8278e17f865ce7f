"""`ddpm train`: train a model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np

from ddpm import training
from ddpm.checkpoint import Checkpoint
from ddpm.config import RunConfig, preset
from ddpm.data import image_set
from ddpm.errors import InputError, PeersLost
from ddpm.launch import PEER_TIMEOUT, launched, require_launcher, require_same
from ddpm_cli.configure import configure
from ddpm_cli.options import (
    DATASET,
    acceleration_options,
    device_option,
    file_or_folder,
    framework_choice,
    preset_choice,
)
from implementations import TITLES, Acceleration, module, trainer

MOST_SECONDS = 86_400  # that a process may wait for another


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
    "--peer-timeout",
    type=float,
    default=PEER_TIMEOUT,
    help="Under torchrun: seconds after which a process that does not answer counts as lost.",
)
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
    peer_timeout: float,
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
    _meet(peer_timeout, options=(config, acceleration), data=images, resume=state)
    with _telling_how_to_continue():
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


def _meet(timeout: float, *, options: object, data: np.ndarray, resume: Checkpoint | None) -> None:
    """Meet the other processes, if torchrun started some, and see that all do the same run."""
    if not 1 <= timeout <= MOST_SECONDS:
        raise InputError(
            f"--peer-timeout {timeout:g} cannot be used: it must be 1 to {MOST_SECONDS}"
        )
    if launched().by is None:
        return
    state: dict[str, object] = {"step": resume and resume.step}
    for group in ("weights", "ema", "exp_avg", "exp_avg_sq") if resume else ():
        state |= {f"{group} {name}": array for name, array in getattr(resume, group).items()}
    inputs = {"options": options, "--data": data, "--resume": state}
    require_same(module("torch", "distributed").join(timeout), inputs)


@contextmanager
def _telling_how_to_continue() -> Iterator[None]:
    """Add the command that continues to what is said of a lost process."""
    try:
        yield
    except PeersLost as lost:
        if lost.checkpoint is None:
            raise
        raise PeersLost(f"{lost}; continue with: {_resume_command(lost.checkpoint)}") from lost


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
