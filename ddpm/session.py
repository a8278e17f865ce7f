"""A training run and a sampling run from outside: files, progress, interruption, resumption.

The numbers are the implementations' business; what they leave on disk, and when, is decided here,
once for both.
"""

from __future__ import annotations

import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np
from tqdm import tqdm

from ddpm.checkpoint import Checkpoint, path_for
from ddpm.config import RunConfig
from ddpm.data.image_set import steps_per_epoch
from ddpm.errors import InputError
from ddpm.loss_curve import path_for as loss_curve_path
from ddpm.loss_curve import save_loss_curve
from ddpm.runlog import RunLog, read_losses
from ddpm.shards import shard
from safe_files import replacing

Images = np.ndarray
Chain = Callable[[Sequence[int]], Iterator[tuple[int, Images]]]


class ProcessGroup(Protocol):
    """What a run needs of `impl_torch.distributed.ProcessGroup` and of its mirror."""

    @property
    def rank(self) -> int:
        """Number of this process; 0 alone writes."""

    @property
    def size(self) -> int:
        """How many processes compute the run together."""

    def any(self, flag: bool) -> bool:
        """Tell whether any process says so; each must ask."""


class Trainer(Protocol):
    """What a run needs of `impl_torch.train.Trainer` and of its mirror."""

    config: RunConfig
    step: int

    @property
    def group(self) -> ProcessGroup:
        """The processes that share the run."""

    def train_epoch(self, images: Images, epoch: int, start: int = 0) -> Iterator[float]:
        """Yield the loss of each step."""

    def checkpoint(self, *, dataset: str, epoch: int) -> Checkpoint:
        """Copy the state out."""

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take a state over."""


@dataclass(frozen=True)
class TrainingOutcome:
    """How a training run ended: its last checkpoint, and whether the user broke it off."""

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

    Among several processes the first alone writes; the others take the same steps.

    Args:
        trainer: fresh; a resumed run's state is taken from `resume`.
        images: float32 (N, C, H, W) in [-1, 1].
        dataset: the name that files are called by.
        folder: where `logs/` and `checkpoints/` lie.
        resume: continue after this state, to the same bits as a run never broken off.
        save_every: epochs between checkpoints; the last is always written.
        label: stands before the progress bar.

    Raises:
        InputError: the batch is larger than the set or smaller than the number of processes, or a
            file cannot be written.
    """
    options, group = trainer.config.train, trainer.group
    per_epoch = steps_per_epoch(len(images), options.batch_size)
    shard(options.batch_size, group.rank, group.size)
    if resume is not None:
        trainer.restore(resume)
    if group.rank > 0:
        return _follow(trainer, images, per_epoch, dataset, folder)
    total = options.epochs * per_epoch
    log = RunLog(folder / "logs", resume=resume is not None)
    bar = tqdm(total=total, initial=trainer.step, desc=label, unit="step", file=sys.stderr)
    with log, bar, _interruptible(group) as interrupted:
        log.truncate_to(trainer.step)
        for epoch in range(trainer.step // per_epoch, options.epochs):
            begun = time.perf_counter()
            start = trainer.step - epoch * per_epoch
            for loss in trainer.train_epoch(images, epoch, start):
                log.step(epoch=epoch + 1, step=trainer.step - 1, loss=loss)
                bar.set_postfix(epoch=f"{epoch + 1}/{options.epochs}", loss=f"{loss:.4f}")
                bar.update()
                if interrupted():
                    path = _interrupted_path(folder, dataset)
                    trainer.checkpoint(dataset=dataset, epoch=epoch).save(path)
                    return TrainingOutcome(path, interrupted=True)
            log.epoch(
                epoch=epoch + 1,
                seconds=time.perf_counter() - begun,
                images=(per_epoch - start) * options.batch_size,
                peak_memory=peak_memory(),
            )
            path = path_for(folder / "checkpoints", dataset, epoch + 1)
            if (epoch + 1) % save_every == 0 or epoch + 1 == options.epochs:
                trainer.checkpoint(dataset=dataset, epoch=epoch + 1).save(path)
    save_loss_curve({label: read_losses(log.train_path)}, loss_curve_path(dataset, folder / "logs"))
    return TrainingOutcome(path_for(folder / "checkpoints", dataset, options.epochs), False)


def _follow(
    trainer: Trainer, images: Images, per_epoch: int, dataset: str, folder: Path
) -> TrainingOutcome:
    """Take every step that the first process takes, and leave the writing to it."""
    epochs = trainer.config.train.epochs
    with _interruptible(trainer.group) as interrupted:
        for epoch in range(trainer.step // per_epoch, epochs):
            for _ in trainer.train_epoch(images, epoch, trainer.step - epoch * per_epoch):
                if interrupted():
                    return TrainingOutcome(_interrupted_path(folder, dataset), interrupted=True)
    return TrainingOutcome(path_for(folder / "checkpoints", dataset, epochs), interrupted=False)


@dataclass(frozen=True)
class SamplingOutcome:
    """The images of a sampling run, and some of the states on the way.

    Attributes:
        images: (N, C, H, W), the ends of the chains.
        frames: timestep -> x_t (M, C, H, W) of the first M samples.
    """

    images: Images
    frames: dict[int, Images]

    def save(self, path: Path) -> None:
        """Write it whole, as an .npz of `images` and `frame_T` … `frame_0`.

        Raises:
            CannotWrite: the path cannot be written.
        """
        frames: dict[str, Any] = {f"frame_{t}": x for t, x in self.frames.items()}
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, images=self.images, **frames)

    @classmethod
    def load(cls, path: Path) -> SamplingOutcome:
        """Read what `save` wrote.

        Raises:
            InputError: it is missing or damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            images = arrays.pop("images")
            frames = {int(name.removeprefix("frame_")): x for name, x in arrays.items()}
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise InputError(
                f"{path} holds no samples ({error}); remove it and draw anew"
            ) from None
        return cls(images, frames)


def sample(
    chain: Chain,
    config: RunConfig,
    *,
    frame_count: int = 10,
    label: str = "sampling",
    parts: Path | None = None,
) -> SamplingOutcome:
    """Draw the configured number of images in batches, with a progress bar.

    Args:
        chain: starts a reverse chain for some sample numbers (`p_sample_loop` with its model).
        config: says how many images, in which batches, and T.
        frame_count: how many states of the first batch to keep, evenly spaced from T to 0.
        label: stands before the progress bar.
        parts: a folder that keeps each finished batch; those that are there already are taken from
            it, so that a run broken off goes on where it was. It must belong to this run alone.

    Raises:
        InputError: a part cannot be read.
        CannotWrite: a part cannot be written.
    """
    options, T = config.sample, config.diffusion.T
    kept = {round(t) for t in np.linspace(T, 0, min(frame_count, T + 1))}
    numbers = range(options.num_samples)
    rows = [numbers[i : i + options.batch_size] for i in range(0, len(numbers), options.batch_size)]
    done = []
    with tqdm(total=T * len(rows), desc=label, unit="step", file=sys.stderr) as bar:
        for i, row in enumerate(rows):
            path = None if parts is None else parts / f"part_{i:04d}.npz"
            part = SamplingOutcome.load(path) if path is not None and path.exists() else None
            if part is None:
                part = _draw(chain(row), kept if i == 0 else set(), bar)
                if path is not None:
                    part.save(path)
            else:
                bar.update(T)
            done.append(part)
    return SamplingOutcome(np.concatenate([part.images for part in done]), done[0].frames)


def _draw(states: Iterator[tuple[int, Images]], kept: set[int], bar: Any) -> SamplingOutcome:
    """Run one batch's chain to its end."""
    frames: dict[int, Images] = {}
    for i, (t, x) in enumerate(states):
        if t in kept:
            frames[t] = x
        bar.update(i > 0)
    return SamplingOutcome(x, frames)


def peak_memory() -> int:
    """Return the largest resident memory this process has had, in bytes.

    Linux counts into `ru_maxrss` what the parent held when it started this process; `VmHWM` is this
    program's own.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    own = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    if own:
        return int(own[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _interrupted_path(folder: Path, dataset: str) -> Path:
    return folder / "checkpoints" / f"ddpm_{dataset}_interrupted.safetensors"


@contextmanager
def _interruptible(group: ProcessGroup) -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a question that is answered between steps; a second one kills.

    A step broken off halfway would leave weights, moments and average of different ages. Several
    processes stop at the same step, whichever of them was told. Their launcher hands on the signal
    that the terminal has sent them already, so a second one means nothing there.
    """
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        if group.size == 1:
            signal.signal(number, signal.default_int_handler)

    heard = (signal.SIGINT,) if group.size == 1 else (signal.SIGINT, signal.SIGTERM)
    try:
        before = {number: signal.signal(number, ask) for number in heard}
    except ValueError:  # not the main thread, where no signal arrives
        yield lambda: group.any(False)
        return
    try:
        yield lambda: group.any(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
