"""The batches of a sampling run, with progress; a store keeps each as soon as it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from ddpm.config import RunConfig
from ddpm.data.npz import read_arrays
from ddpm.errors import InputError
from ddpm.logs.progress_stream import progress_stream
from safe_files import replacing
from safe_files.reading import CannotRead, show

Images = np.ndarray
# Sample numbers -> (t, x_t) for t from T to 0.
Chain = Callable[[Sequence[int]], Iterator[tuple[int, Images]]]


@dataclass(frozen=True)
class SamplingOutcome:
    """The images of a sampling run or of one batch, and some of the states x_t before them.

    Attributes:
        images: x_0, (N, C, H, W).
        frames: timestep t -> x_t (M, C, H, W) of the first M samples; empty for a later batch.
    """

    images: Images
    frames: dict[int, Images]

    def save(self, path: Path) -> None:
        """Write an .npz of `images` and `frame_T` … `frame_0`.

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
            arrays = read_arrays(path)
            images = arrays.pop("images")
            frames = {int(name.removeprefix("frame_")): x for name, x in arrays.items()}
        except (CannotRead, ValueError, KeyError) as error:
            raise InputError(
                f"{show(path)} holds no samples ({error}); remove it and sample again"
            ) from None
        return cls(images, frames)


class Store(Protocol):
    """The keeper of a run's batches. One that outlives the process lets the run continue."""

    def holds(self, samples: range) -> bool:
        """Tell whether the batch of these samples is kept already."""

    def save(self, samples: range, batch: SamplingOutcome) -> None:
        """Keep a batch, whole or not at all."""


class Arrays:
    """A store of float arrays, in memory and, if there is a folder, in a file for each batch.

    Args:
        folder: of the files. No other run may use it.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._batches: list[SamplingOutcome] = []

    def holds(self, samples: range) -> bool:
        """Read a batch's file, if there is one.

        Raises:
            InputError: it cannot be read.
        """
        path = self._path(samples)
        if path is None or not path.exists():
            return False
        self._batches.append(SamplingOutcome.load(path))
        return True

    def save(self, samples: range, batch: SamplingOutcome) -> None:
        """Keep a batch.

        Raises:
            CannotWrite: its file cannot be written.
        """
        path = self._path(samples)
        if path is not None:
            batch.save(path)
        self._batches.append(batch)

    def joined(self) -> SamplingOutcome:
        """Return all images, and the states of the first batch."""
        images = np.concatenate([batch.images for batch in self._batches])
        return SamplingOutcome(images, self._batches[0].frames)

    def _path(self, samples: range) -> Path | None:
        return None if self._folder is None else self._folder / f"part_{samples.start:06d}.npz"


def sample(
    chain: Chain,
    config: RunConfig,
    *,
    frame_count: int = 10,
    label: str = "sampling",
    parts: Path | None = None,
) -> SamplingOutcome:
    """Draw the configured number of images in batches, with a progress bar, and return them all.

    Args:
        chain: starts the reverse chain of some sample numbers (`p_sample_loop` with its model).
        config: number of images, batch size, T, sampler and its steps.
        frame_count: states of the first batch to keep, evenly spaced from T to 0.
        label: text in front of the progress bar.
        parts: a folder for each finished batch. Batches that it holds already are read from it, so
            that an interrupted run continues. No other run may use it.

    Raises:
        InputError: a part cannot be read.
        CannotWrite: a part cannot be written.
    """
    arrays = Arrays(parts)
    draw(chain, config, arrays, frame_count=frame_count, label=label)
    return arrays.joined()


def draw(
    chain: Chain,
    config: RunConfig,
    store: Store,
    *,
    frame_count: int = 10,
    label: str = "sampling",
) -> None:
    """Draw the batches that a store does not hold, with a progress bar; see `sample`."""
    options = config.sample
    states = (0, *(timestep + 1 for timestep in options.timesteps(config.diffusion.T)))
    steps = len(states) - 1
    kept = {states[round(i)] for i in np.linspace(steps, 0, min(frame_count, steps + 1))}
    numbers = range(options.num_samples)
    starts = numbers[:: options.batch_size]
    with tqdm(total=steps * len(starts), desc=label, unit="step", file=progress_stream()) as bar:
        for start in starts:
            row = numbers[start : start + options.batch_size]
            if store.holds(row):
                bar.update(steps)
            else:
                store.save(row, _draw(chain(row), kept if start == 0 else set(), bar))


def _draw(states: Iterator[tuple[int, Images]], kept: set[int], bar: Any) -> SamplingOutcome:
    """Run one batch's reverse chain."""
    frames: dict[int, Images] = {}
    for i, (t, x) in enumerate(states):
        if t in kept:
            frames[t] = x
        bar.update(i > 0)
    return SamplingOutcome(x, frames)
