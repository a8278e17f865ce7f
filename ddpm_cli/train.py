"""`ddpm train`: train a model."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np

from ddpm import training
from ddpm.checkpoint import Checkpoint
from ddpm.checkpoints.parameter_shapes import parameter_shapes
from ddpm.checkpoints.run_folder import (
    checkpoint_folder,
    earlier_run,
    latest,
    require_same_run,
    require_unused,
)
from ddpm.config import RunConfig, preset
from ddpm.data import image_set
from ddpm.errors import InputError, PeersLost
from ddpm.launch import PEER_TIMEOUT, launched, require_launcher, require_same
from ddpm.logs.loss_curve import path_for
from ddpm.wording import counted
from ddpm_cli.configure import configure
from ddpm_cli.options import (
    DATASET,
    acceleration_options,
    device_option,
    file_or_folder,
    framework_choice,
    preset_choice,
)
from implementations import TITLES, Acceleration, module, schedule, trainer
from safe_files.folder_lock import folder_lock

# Of the image, in the last timestep's variance. With it, samples start where no training image was;
# 1,000 linear steps leave 4e-5 (Ho et al. 2020, section 3.2: it should be near 0).
SIGNAL_LEFT = 0.01
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
@click.option("--dropout", type=float, help="Rate of dropout. [default: the preset's]")
@click.option("--ema-decay", type=float, help="Decay of the averaged weights. [default: preset's]")
@click.option("--seed", type=int, help="Seed of all random numbers. [default: the preset's]")
@click.option(
    "--resume",
    metavar="auto|CKPT",
    help="A checkpoint to continue from, or auto: the latest in --out, and a new run where there is"
    " none. The result equals an uninterrupted run's bit for bit. --epochs may be raised.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier run in --out by a new one.")
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
    resume: str | None,
    overwrite: bool,
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

    Exit status 0: trained to the last epoch. 2: an input cannot be used, or the loss is not finite.
    130: interrupted, with a checkpoint.
    """
    require_launcher(framework, device)
    _require_options(save_every, resume, overwrite)
    with _only_run_in(out):
        if resume is None and not overwrite and launched().rank == 0:
            require_unused(out)
        state, dataset = _start(resume, out, dataset)
        path = data_path or image_set.default_path(dataset)
        images = image_set.ImageSet.load(path).images
        name = image_set.dataset_name(dataset)
        config = configure(
            _base(preset_name, dataset, state), images.shape, epochs=epochs, **options
        )
        if state is not None:
            _require_fit(state, config, None if resume == "auto" else out, name)
        _meet(peer_timeout, options=(config, acceleration), data=images, resume=state)
        fresh = trainer(framework, config, device, acceleration=acceleration)
        if launched().rank == 0:
            _announce(config, images.shape, state, f"{TITLES[framework]} on {device}", path, out)
            _warn_of_short_schedule(config, framework)
        with _command_to_continue():
            outcome = training.train(
                fresh,
                images,
                dataset=name,
                folder=out,
                resume=state,
                replaced=earlier_run(out),
                save_every=save_every,
                label=TITLES[framework],
            )
    _finish(outcome, config.train.epochs, path_for(name, out / "logs"))


def _require_options(save_every: int, resume: str | None, overwrite: bool) -> None:
    if save_every < 1:
        raise InputError(f"--save-every {save_every} cannot be used: it must be at least 1")
    if resume is not None and overwrite:
        raise InputError("--resume continues a run and --overwrite replaces it: give one of them")


@contextmanager
def _only_run_in(out: Path) -> Iterator[None]:
    """Keep other trainings out of a folder; of several processes the first has the lock."""
    if launched().rank > 0:
        yield
        return
    with folder_lock(checkpoint_folder(out), busy="another ddpm train is at work"):
        yield


def _start(resume: str | None, out: Path, dataset: str | None) -> tuple[Checkpoint | None, str]:
    """Return the checkpoint to continue from, and the data set, which it names if nobody does."""
    if resume not in (None, "auto"):
        state = Checkpoint.load(Path(resume))
        return state, dataset or state.dataset
    if dataset is None:
        raise click.UsageError("Missing option '--dataset' (or give --resume CKPT).")
    return latest(out, image_set.dataset_name(dataset)) if resume else None, dataset


def _base(preset_name: str | None, dataset: str, state: Checkpoint | None) -> RunConfig:
    """Return the configuration that the command's options change."""
    if state is not None and preset_name is None:
        return state.config
    return preset(preset_name or ("cifar10" if dataset == "cifar10" else "mnist"))


def _require_fit(state: Checkpoint, config: RunConfig, out: Path | None, name: str) -> None:
    """Require that the checkpoint can be continued, as configured and in a folder not its own."""
    state.require_config(config)
    if state.epoch > config.train.epochs:
        raise InputError(
            f"the checkpoint has {counted(state.epoch, 'epoch')} done, more than --epochs"
            f" {config.train.epochs}; raise --epochs"
        )
    if out is not None:
        require_same_run(out, state, name)


def _announce(
    config: RunConfig,
    shape: tuple[int, ...],
    state: Checkpoint | None,
    title: str,
    data: Path,
    out: Path,
) -> None:
    """Say what is about to be trained, on what, and where it is written."""
    count, channels, height, width = shape
    parameters = sum(map(math.prod, parameter_shapes(config.unet).values()))
    steps = count // config.train.batch_size
    click.echo(
        f"{title}: U-Net of {parameters:,} parameters, T = {config.diffusion.T:,},"
        f" {config.diffusion.schedule} schedule"
    )
    click.echo(f"set: {data}, {counted(count, 'image')} of {channels}x{height}x{width}")
    click.echo(
        f"run: {counted(config.train.epochs, 'epoch')} of {counted(steps, 'step')} with"
        f" {counted(config.train.batch_size, 'image')} each, learning rate {config.train.lr:g},"
        f" seed {config.train.seed}"
    )
    if state is not None:
        click.echo(f"continues after {counted(state.step, 'step')} (epoch {state.epoch} done)")
        if state.images is None:
            click.echo(
                "ddpm train: the checkpoint does not name the images that it was trained on, so"
                " nothing shows that these are the same",
                err=True,
            )
    click.echo(f"writes to: {out.resolve()}")


def _warn_of_short_schedule(config: RunConfig, framework: str) -> None:
    """Say that the last timestep still shows the image, where it does."""
    alpha_bar = float(schedule(framework, config.diffusion).alpha_bar[-1])
    if alpha_bar > SIGNAL_LEFT:
        click.echo(
            f"ddpm train: after all {counted(config.diffusion.T, 'timestep')} alpha_bar is"
            f" {alpha_bar:.2g}, so the image is still in the noise, and samples, which start from"
            " pure noise, will be wrong; give a larger --T, or --schedule cosine",
            err=True,
        )


@contextmanager
def _command_to_continue() -> Iterator[None]:
    """Add to the line about lost processes the command that continues from the saved state."""
    try:
        yield
    except PeersLost as lost:
        if lost.checkpoint is None:
            raise
        raise PeersLost(f"{lost}; continue with: {_resume_command(lost.checkpoint)}") from lost


def _finish(outcome: training.TrainingOutcome, epochs: int, curve: Path) -> None:
    """Say where everything lies, and end an interrupted process with status 130."""
    if launched().rank > 0:
        sys.exit(130 if outcome.interrupted else 0)
    if outcome.interrupted:
        click.echo(f"interrupted; continue with: {_resume_command(outcome.checkpoint)}", err=True)
        sys.exit(130)
    logs = curve.parent
    click.echo(f"{outcome.checkpoint}: {counted(epochs, 'epoch')} done")
    click.echo(f"logs: {logs / 'train_log.txt'}, {logs / 'performance_log.txt'}")
    click.echo(f"loss curve: {curve}")
    click.echo(f"next: {shlex.join(['ddpm', 'sample', '--ckpt', str(outcome.checkpoint)])}")


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


def _resume_command(checkpoint: Path) -> str:
    """Return this command line, continuing from the checkpoint."""
    words, kept = iter(sys.argv[1:]), []
    for word in words:
        if word == "--resume":
            next(words, None)
        elif word != "--overwrite" and not word.startswith("--resume="):
            kept.append(word)
    launcher = f"{launched().by} … " if launched().by else ""
    return launcher + shlex.join(["ddpm", *kept, "--resume", str(checkpoint)])
