"""A stage of the study, and the context that every stage receives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.checkpoint import Checkpoint
from ddpm.config import RunConfig
from ddpm.data import image_set
from ddpm_study.run.records import RunFolder
from ddpm_study.run.sizes import Sizes
from ddpm_study.run.time_estimate import TimeEstimate


@dataclass(frozen=True)
class Context:
    """The input of every stage.

    Attributes:
        folder: of the run.
        preset: name of the preset.
        dataset: `mnist`, `cifar10`, or a folder of class folders.
        prepared: the training set.
        config: every option that decides the run's numbers.
        scale: sizes of the run.
        device: `cpu` or `cuda`.
    """

    folder: RunFolder
    preset: str
    dataset: str
    prepared: image_set.ImageSet
    config: RunConfig
    scale: Sizes
    device: str = "cpu"

    @property
    def name(self) -> str:
        """The set's name in file names."""
        return image_set.dataset_name(self.dataset)

    @property
    def data_path(self) -> Path:
        """The path of the prepared set in the run's folder."""
        return image_set.default_path(self.dataset, self.folder.path / "data")

    @property
    def images(self) -> np.ndarray:
        """The training set's images, float32 (N, C, H, W) in [-1, 1]."""
        return self.prepared.images

    def workers(self, wanted: int) -> int:
        """Return how many processes may share the work; a GPU is used by one at a time."""
        return wanted if self.device == "cpu" else 1

    def last_checkpoint(self, stage: str) -> Checkpoint:
        """Return the last checkpoint of a training stage.

        Raises:
            InputError: the stage is not done, or the file is missing.
        """
        return Checkpoint.load(self.folder.file(stage, self.folder.result(stage)["checkpoint"]))


@dataclass(frozen=True)
class Stage:
    """One part of the study.

    Attributes:
        name: the name that `--only` and `--skip` take.
        title: description in the plan.
        needs: stages whose records it reads.
        run: does the stage, resuming where an earlier attempt ended; returns the record's result.
        seconds: (context, speed) -> rough duration.
        outputs: files and folders that it writes into the run's folder beside its record, as glob
            patterns.
        workers: (context) -> how many processes share the stage, if there are as many cores.
        group: consecutive stages with the same group run in parallel, in as many workers as each
            states; none of them needs another.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    run: Callable[[Context], dict[str, Any]]
    seconds: Callable[[Context, TimeEstimate], float]
    outputs: tuple[str, ...]
    workers: Callable[[Context], int] = lambda context: 1
    group: str = ""
