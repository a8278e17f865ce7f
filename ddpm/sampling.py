"""A sampling run: batches, progress and pictures, for both frameworks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ddpm import images
from ddpm.config import RunConfig
from ddpm.data.npz import read_arrays
from ddpm.errors import InputError
from ddpm.logs.progress_stream import progress_stream
from safe_files import replacing
from safe_files.reading import CannotRead, show

Images = np.ndarray
# Sample numbers -> (t, x_t) for t from T to 0.
Chain = Callable[[Sequence[int]], Iterator[tuple[int, Images]]]
GRID = 64  # samples in a picture of many
STRIP = 8  # samples in the denoising strip


@dataclass(frozen=True)
class SamplingOutcome:
    """The images of a sampling run, and some of the states x_t before them.

    Attributes:
        images: x_0, (N, C, H, W).
        frames: timestep t -> x_t (M, C, H, W) of the first M samples.
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
    options = config.sample
    states = (0, *(timestep + 1 for timestep in options.timesteps(config.diffusion.T)))
    steps = len(states) - 1
    kept = {states[round(i)] for i in np.linspace(steps, 0, min(frame_count, steps + 1))}
    numbers = range(options.num_samples)
    rows = [numbers[i : i + options.batch_size] for i in range(0, len(numbers), options.batch_size)]
    done = []
    with tqdm(total=steps * len(rows), desc=label, unit="step", file=progress_stream()) as bar:
        for i, row in enumerate(rows):
            path = None if parts is None else parts / f"part_{i:04d}.npz"
            part = SamplingOutcome.load(path) if path is not None and path.exists() else None
            if part is None:
                part = _draw(chain(row), kept if i == 0 else set(), bar)
                if path is not None:
                    part.save(path)
            else:
                bar.update(steps)
            done.append(part)
    return SamplingOutcome(np.concatenate([part.images for part in done]), done[0].frames)


def _draw(states: Iterator[tuple[int, Images]], kept: set[int], bar: Any) -> SamplingOutcome:
    """Run one batch's reverse chain."""
    frames: dict[int, Images] = {}
    for i, (t, x) in enumerate(states):
        if t in kept:
            frames[t] = x
        bar.update(i > 0)
    return SamplingOutcome(x, frames)


def save_pictures(outcome: SamplingOutcome, folder: Path) -> None:
    """Write `sample_grid.png`, `step_tXXXX.png` and `denoising_strip.png` of a sampling run.

    Raises:
        InputError: a pixel is not finite.
        CannotWrite: a path cannot be written.
    """
    images.save_grid(outcome.images[:GRID], folder / "sample_grid.png")
    images.save_steps({t: x[:GRID] for t, x in outcome.frames.items()}, folder)
    strip = {t: x[:STRIP] for t, x in outcome.frames.items()}
    images.save_strip(strip, folder / "denoising_strip.png", scale=2)
