"""A training run: logs, checkpoints, progress, interruption and resumption, for both frameworks."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

import numpy as np
from tqdm import tqdm

from ddpm.checkpoint import Checkpoint, path_for
from ddpm.config import RunConfig
from ddpm.data.image_set import steps_per_epoch
from ddpm.errors import InputError
from ddpm.interruption import interruptible, saved_if_alone
from ddpm.logs.loss_curve import path_for as loss_curve_path
from ddpm.logs.loss_curve import save_loss_curve
from ddpm.logs.progress_stream import progress_stream
from ddpm.logs.run_log import RunLog, read_losses
from ddpm.memory import peak_memory
from ddpm.shards import shard

Images = np.ndarray


class ProcessGroup(Protocol):
    """The part of `impl_torch.distributed.ProcessGroup`, and of its mirror, that a run uses."""

    @property
    def rank(self) -> int:
        """Number of this process; only process 0 writes files."""

    @property
    def size(self) -> int:
        """Number of processes that compute the run together."""

    @property
    def lost(self) -> str:
        """The end of the connection to other processes, in words; empty while it holds."""

    def any(self, flag: bool) -> bool:
        """Tell whether the flag is set in any process; every process must call it."""


class Trainer(Protocol):
    """The part of `impl_torch.train.Trainer`, and of its mirror, that a run uses."""

    config: RunConfig
    step: int

    @property
    def group(self) -> ProcessGroup:
        """The processes that share the run."""

    def train_epoch(self, images: Images, epoch: int, start: int = 0) -> Iterator[float]:
        """Yield the loss of each step."""

    def checkpoint(self, *, dataset: str, epoch: int) -> Checkpoint:
        """Copy the state into a checkpoint."""

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint's state."""


@dataclass(frozen=True)
class TrainingOutcome:
    """The end of a training run.

    Attributes:
        checkpoint: path of the last checkpoint.
        interrupted: whether the user stopped the run before its last epoch.
    """

    checkpoint: Path
    interrupted: bool


def train(
    trainer: Trainer,
    images: Images,
    *,
    dataset: str,
    folder: Path = Path(),
    resume: Checkpoint | None = None,
    save_every: int = 1,
    label: str = "training",
) -> TrainingOutcome:
    """Train to the configured number of epochs, writing logs, checkpoints and the loss curve.

    Of several processes only the first writes; the others take the same steps.

    Args:
        trainer: fresh; a resumed run's state comes from `resume`.
        images: float32 (N, C, H, W) in [-1, 1].
        dataset: name of the data set, used in file names.
        folder: parent of `logs/` and `checkpoints/`.
        resume: continue from this state; the result equals an uninterrupted run bit for bit.
        save_every: epochs between checkpoints; the last is always written.
        label: text in front of the progress bar.

    Raises:
        InputError: the batch does not fit the set or the processes, or the loss is not finite.
        CannotWrite, PeersLost: a file cannot be written; another process is gone.
    """
    options, group = trainer.config.train, trainer.group
    per_epoch = steps_per_epoch(len(images), options.batch_size)
    shard(options.batch_size, group.rank, group.size)
    if resume is not None:
        trainer.restore(resume)
    if group.rank > 0:
        return _follow(trainer, images, per_epoch, dataset, folder)
    log = RunLog(folder / "logs", resume=resume is not None)
    bar = _bar(trainer, per_epoch, label)

    with log, bar, interruptible(group) as interrupted, _alone(trainer, per_epoch, dataset, folder):
        log.truncate_to(trainer.step)
        for epoch in range(trainer.step // per_epoch, options.epochs):
            started = time.perf_counter()
            start = trainer.step - epoch * per_epoch
            for loss in trainer.train_epoch(images, epoch, start):
                _require_finite(loss, trainer, folder)
                log.step(epoch=epoch + 1, step=trainer.step - 1, loss=loss)
                bar.set_postfix(epoch=f"{epoch + 1}/{options.epochs}", loss=f"{loss:.4f}")
                bar.update()
                if interrupted():
                    return _interrupt(trainer, epoch, dataset, folder)
            log.epoch(
                epoch=epoch + 1,
                seconds=time.perf_counter() - started,
                images=(per_epoch - start) * options.batch_size,
                peak_memory=peak_memory(),
            )
            if (epoch + 1) % save_every == 0 or epoch + 1 == options.epochs:
                path = path_for(folder / "checkpoints", dataset, epoch + 1)
                trainer.checkpoint(dataset=dataset, epoch=epoch + 1).save(path)
    save_loss_curve({label: read_losses(log.train_path)}, loss_curve_path(dataset, folder / "logs"))
    return TrainingOutcome(path_for(folder / "checkpoints", dataset, options.epochs), False)


def _require_finite(loss: float, trainer: Trainer, folder: Path) -> None:
    """Stop a run that has diverged, before anything of it is logged or saved.

    Raises:
        InputError: the loss is NaN or infinite.
    """
    if not math.isfinite(loss):
        options = trainer.config.train
        raise InputError(
            f"the loss is {loss} at step {trainer.step - 1} (learning rate {options.lr:g}): the "
            "run has diverged. Its last good checkpoint, if it wrote one, is in "
            f"{folder / 'checkpoints'}; start again with a lower --lr"
        )


def _interrupt(trainer: Trainer, epoch: int, dataset: str, folder: Path) -> TrainingOutcome:
    path = _interrupted_path(folder, dataset)
    trainer.checkpoint(dataset=dataset, epoch=epoch).save(path)
    return TrainingOutcome(path, interrupted=True)


def _bar(trainer: Trainer, per_epoch: int, label: str) -> tqdm[NoReturn]:
    total, file = trainer.config.train.epochs * per_epoch, progress_stream()
    return tqdm(total=total, initial=trainer.step, desc=label, unit="step", file=file)


def _alone(
    trainer: Trainer, per_epoch: int, dataset: str, folder: Path
) -> AbstractContextManager[None]:
    """Return the context in which the loss of other processes leaves a checkpoint."""

    def save() -> Path:
        done = min(trainer.step // per_epoch, trainer.config.train.epochs - 1)
        return _interrupt(trainer, done, dataset, folder).checkpoint

    return saved_if_alone(trainer.group, folder / "checkpoints", save)


def _follow(
    trainer: Trainer, images: Images, per_epoch: int, dataset: str, folder: Path
) -> TrainingOutcome:
    """Take the same steps as the first process and write nothing."""
    epochs = trainer.config.train.epochs
    path = _interrupted_path(folder, dataset)
    alone = _alone(trainer, per_epoch, dataset, folder)
    with interruptible(trainer.group) as interrupted, alone:
        for epoch in range(trainer.step // per_epoch, epochs):
            for loss in trainer.train_epoch(images, epoch, trainer.step - epoch * per_epoch):
                _require_finite(loss, trainer, folder)
                if interrupted():
                    return TrainingOutcome(path, interrupted=True)
    return TrainingOutcome(path_for(folder / "checkpoints", dataset, epochs), interrupted=False)


def _interrupted_path(folder: Path, dataset: str) -> Path:
    return folder / "checkpoints" / f"ddpm_{dataset}_interrupted.safetensors"
