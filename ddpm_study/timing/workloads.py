"""Work items of the two implementations that can be timed, by name of the benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import numpy as np

from ddpm import streams
from ddpm.config import RunConfig

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
    if options["framework"] == "jittor":
        import jittor_env

        jittor_env.load(cuda=options.get("device") == "cuda")
    parts = import_module(f"ddpm_study.timing.on_{options['framework']}")
    config = RunConfig.from_dict(options["config"])
    trainer = import_module(f"impl_{options['framework']}.train").Trainer(
        config, device=options.get("device", "cpu")
    )
    return {
        "training_step": _training_step,
        "sampling_step": _sampling_step,
        "forward": parts.forward,
        "backward": parts.backward,
        "optimizer": parts.optimizer,
        "epoch": _epoch,
        "sampling": _sampling,
    }[benchmark](_Work(options["framework"], config, trainer, parts.wait))


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
        module = import_module(f"impl_{self.framework}.sample")
        numbers = range(self.config.sample.batch_size)
        model = self.trainer.model.eval()
        chain: Iterator[tuple[int, np.ndarray]] = module.p_sample_loop(
            model, module.Sampler(self.trainer.diffusion, self.config.sample), numbers, seed=0
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
