"""A training run: logs, checkpoints, progress, interruption and resumption, for both frameworks."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from ddpm.checkpoint import Checkpoint, path_for
from ddpm.checkpoints.image_digest import ImageDigest
from ddpm.checkpoints.run_folder import checkpoint_folder, interrupted_path
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
    replaced: Sequence[Path] = (),
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
        replaced: files of an earlier run, which are removed after the first step.
        save_every: epochs between checkpoints; the last is always written.
        label: text in front of the progress bar.

    Raises:
        InputError: the batch does not fit the set or the processes, the set is not that of
            `resume`, or the loss is not finite.
        CannotWrite: a file cannot be written.
        PeersLost: another process is gone; the first has saved its state.
    """
    options, group = trainer.config.train, trainer.group
    per_epoch = steps_per_epoch(len(images), options.batch_size)
    shard(options.batch_size, group.rank, group.size)
    digest = ImageDigest.of(images)
    if resume is not None:
        _restore(trainer, resume, digest)
    if group.rank > 0:
        return _follow(trainer, images, per_epoch, dataset, folder)
    log, total = RunLog(folder / "logs"), options.epochs * per_epoch
    bar = tqdm(total=total, initial=trainer.step, desc=label, unit="step", file=progress_stream())
    run = _Run(trainer, dataset, folder, digest, per_epoch, log, bar)
    alone = saved_if_alone(group, checkpoint_folder(folder), run.interrupt)
    with log, bar, interruptible(group) as interrupted, alone:
        if resume is not None:
            log.truncate_to(step=trainer.step, epoch=run.epochs_done)
        if not run.train(images, replaced, save_every, interrupted):
            return TrainingOutcome(run.interrupt(), interrupted=True)
    if not run.path(options.epochs).exists():  # interrupted after its last step, and now resumed
        run.save(options.epochs)
    save_loss_curve({label: read_losses(log.train_path)}, loss_curve_path(dataset, folder / "logs"))
    return TrainingOutcome(run.path(options.epochs), interrupted=False)


@dataclass(frozen=True)
class _Run:
    """The first process's files of a run."""

    trainer: Trainer
    dataset: str
    folder: Path
    images: ImageDigest
    per_epoch: int
    log: RunLog
    bar: tqdm[Any]

    @property
    def epochs_done(self) -> int:
        return self.trainer.step // self.per_epoch

    def train(
        self,
        images: Images,
        replaced: Sequence[Path],
        save_every: int,
        interrupted: Callable[[], bool],
    ) -> bool:
        """Train to the last epoch; return False where the run was interrupted before."""
        trainer, epochs = self.trainer, self.trainer.config.train.epochs
        for epoch in range(self.epochs_done, epochs):
            started = time.perf_counter()
            start = trainer.step - epoch * self.per_epoch
            for loss in trainer.train_epoch(images, epoch, start):
                _require_finite(loss, trainer, self.folder)
                if trainer.step == 1:  # only now: a run that fails at once has removed nothing
                    self.discard(replaced)
                self.log_step(epoch, loss)
                if interrupted():
                    return False
            self.log_epoch(epoch, start, time.perf_counter() - started)
            if (epoch + 1) % save_every == 0 or epoch + 1 == epochs:
                self.save(epoch + 1)
        return True

    def discard(self, replaced: Sequence[Path]) -> None:
        """Remove the files of an earlier run, and empty the logs."""
        self.log.restart()
        for path in replaced:
            if path not in (self.log.train_path, self.log.performance_path):
                path.unlink(missing_ok=True)

    def log_step(self, epoch: int, loss: float) -> None:
        self.log.step(epoch=epoch + 1, step=self.trainer.step - 1, loss=loss)
        epochs = self.trainer.config.train.epochs
        self.bar.set_postfix(epoch=f"{epoch + 1}/{epochs}", loss=f"{loss:.4f}")
        self.bar.update()

    def log_epoch(self, epoch: int, start: int, seconds: float) -> None:
        images = (self.per_epoch - start) * self.trainer.config.train.batch_size
        memory = peak_memory()
        self.log.epoch(epoch=epoch + 1, seconds=seconds, images=images, peak_memory=memory)

    def path(self, epoch: int) -> Path:
        return path_for(checkpoint_folder(self.folder), self.dataset, epoch)

    def save(self, epoch: int) -> None:
        self._save(epoch, self.path(epoch))

    def interrupt(self) -> Path:
        path = interrupted_path(self.folder, self.dataset)
        self._save(self.epochs_done, path)
        return path

    def _save(self, epoch: int, path: Path) -> None:
        state = self.trainer.checkpoint(dataset=self.dataset, epoch=epoch)
        dataclasses.replace(state, images=self.images).save(path)


def _restore(trainer: Trainer, state: Checkpoint, images: ImageDigest) -> None:
    if state.images is not None:
        state.images.require(images)
    trainer.restore(state)


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


def _follow(
    trainer: Trainer, images: Images, per_epoch: int, dataset: str, folder: Path
) -> TrainingOutcome:
    """Take the same steps as the first process and write nothing."""
    epochs = trainer.config.train.epochs
    path = interrupted_path(folder, dataset)
    alone = saved_if_alone(trainer.group, path.parent, lambda: path)
    with interruptible(trainer.group) as interrupted, alone:
        for epoch in range(trainer.step // per_epoch, epochs):
            for loss in trainer.train_epoch(images, epoch, trainer.step - epoch * per_epoch):
                _require_finite(loss, trainer, folder)
                if interrupted():
                    return TrainingOutcome(path, interrupted=True)
    path = path_for(checkpoint_folder(folder), dataset, epochs)
    return TrainingOutcome(path, interrupted=False)
