"""Work items of the two implementations that can be timed, by name of the benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ddpm import streams
from ddpm.config import RunConfig
from implementations import module, sampler

WorkItem = Callable[[], None]
EPOCH_IMAGES = 5000


def make(benchmark: str, options: dict[str, Any]) -> WorkItem:
    """Return a function that does one work item of a benchmark in one framework.

    Args:
        benchmark: `training_step`, `sampling_step`, `forward`, `backward`, `optimizer`, `epoch` or
            `sampling`.
        options: `framework`; `config`, a `RunConfig` as plain values; `device`.

    Raises:
        KeyError: there is no such benchmark.
    """
    framework, config = options["framework"], RunConfig.from_dict(options["config"])
    # The implementation first: it prepares Jittor, which the parts import.
    train = module(framework, "train", options.get("device", "cpu"))
    trainer, parts = train.Trainer(config, device=options.get("device", "cpu")), _parts(framework)
    return {
        "training_step": _training_step,
        "sampling_step": _sampling_step,
        "forward": parts.forward,
        "backward": parts.backward,
        "optimizer": parts.optimizer,
        "epoch": _epoch,
        "sampling": _sampling,
    }[benchmark](_Work(framework, config, trainer, parts.wait))


def _parts(framework: str) -> Any:
    """Import the parts of a training step in one framework."""
    if framework == "torch":
        from ddpm_study.timing import on_torch

        return on_torch
    from ddpm_study.timing import on_jittor

    return on_jittor


def random_images(config: RunConfig, count: int) -> np.ndarray:
    """Return random images in a model's shape, float32 (count, C, H, W) in [-1, 1]."""
    unet = config.unet
    shape = (count, unet.image_channels, unet.image_size, unet.image_size)
    return streams.stream(0, "probe", "images").uniform(-1, 1, shape).astype(np.float32)


class _Work:
    """The input of every work item: a trainer, random images, and a function that waits."""

    def __init__(self, framework: str, config: RunConfig, trainer: Any, wait: WorkItem) -> None:
        self.framework, self.config, self.trainer, self.wait = framework, config, trainer, wait

    def images(self, count: int) -> np.ndarray:
        """Return random images, float32 (count, C, H, W) in [-1, 1]."""
        return random_images(self.config, count)

    @property
    def batch(self) -> np.ndarray:
        """A training batch."""
        return self.images(self.config.train.batch_size)

    def chain(self) -> Iterator[tuple[int, np.ndarray]]:
        """Start a reverse chain."""
        numbers = range(self.config.sample.batch_size)
        model = self.trainer.model.eval()
        steps = sampler(self.framework, self.trainer.diffusion, self.config.sample)
        chain: Iterator[tuple[int, np.ndarray]] = module(self.framework, "sample").p_sample_loop(
            model, steps, numbers, seed=0
        )
        next(chain)  # the first value is the initial noise, not a step
        return chain


def _training_step(work: _Work) -> WorkItem:
    batch = work.batch

    def item() -> None:
        work.trainer.train_step(batch)
        work.wait()

    return item


def _sampling_step(work: _Work) -> WorkItem:
    chain = work.chain()

    def item() -> None:
        nonlocal chain
        t, _ = next(chain)
        work.wait()
        if t == 0:
            chain = work.chain()

    return item


def _epoch(work: _Work) -> WorkItem:
    images = work.images(EPOCH_IMAGES)

    def item() -> None:
        for _ in work.trainer.train_epoch(images, 0):
            pass
        work.wait()

    return item


def _sampling(work: _Work) -> WorkItem:
    def item() -> None:
        for _ in work.chain():
            pass
        work.wait()

    return item
