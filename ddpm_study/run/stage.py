"""What a stage is, and what it is given."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.checkpoint import Checkpoint
from ddpm.config import RunConfig
from ddpm.data import image_set
from ddpm_study.run.records import RunFolder, RunManifest
from ddpm_study.run.sizes import Sizes
from ddpm_study.run.time_estimate import TimeEstimate


@dataclass(frozen=True)
class Context:
    """What every stage is given.

    Attributes:
        folder: where the run lies.
        preset: the name that the run was started by.
        dataset: `mnist`, `cifar10`, or a folder of class folders.
        prepared: the training set.
        config: every option that decides the run's numbers.
        scale: how much of everything.
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
        """The name that files of the set are called by."""
        return image_set.dataset_name(self.dataset)

    @property
    def data_path(self) -> Path:
        """Where the prepared set lies."""
        return image_set.default_path(self.dataset, self.folder.path / "data")

    @property
    def images(self) -> np.ndarray:
        """The training set's images, float32 (N, C, H, W) in [-1, 1]."""
        return self.prepared.images

    def workers(self, wanted: int) -> int:
        """Return how many processes may share the work; a GPU is for one."""
        return wanted if self.device == "cpu" else 1

    def head(self, skipped: Iterable[str]) -> RunManifest:
        """Return what is to be known of the run before anything is done."""
        return RunManifest(
            preset=self.preset,
            dataset=self.name,
            images=hashlib.sha256(self.images.tobytes()).hexdigest()[:16],
            config=self.config.to_dict(),
            scale=asdict(self.scale),
            skipped=sorted(skipped),
        )

    def final(self, stage: str) -> Checkpoint:
        """Return the last checkpoint of a training stage.

        Raises:
            InputError: the stage is not done, or the file is gone.
        """
        return Checkpoint.load(self.folder.path / self.folder.result(stage)["checkpoint"])


@dataclass(frozen=True)
class Stage:
    """One part of the comparison.

    Attributes:
        name: what `--only` and `--skip` call it.
        title: what it does, for the plan.
        needs: stages whose records it reads.
        run: does it, going on where it was broken off, and returns what is worth recording.
        seconds: (context, speed) -> how long it will take, roughly.
        outputs: what it leaves in the run's folder beside its record, as glob patterns.
        lanes: how many processes at a time do it, if there are as many cores.
        group: neighbours of one group are done side by side, in the lanes that each names; none
            needs another.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    run: Callable[[Context], dict[str, Any]]
    seconds: Callable[[Context, TimeEstimate], float]
    outputs: tuple[str, ...]
    workers: Callable[[Context], int] = lambda context: 1
    group: str = ""
