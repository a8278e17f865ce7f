"""What can be timed of the two implementations, by name of the subject."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import numpy as np

from ddpm import streams
from ddpm.config import RunConfig

Unit = Callable[[], None]
EPOCH_IMAGES = 5000


def make(subject: str, options: dict[str, Any]) -> Unit:
    """Return one unit of `subject` on one side.

    Args:
        subject: `training_step`, `sampling_step`, `forward`, `backward`, `optimizer`, `epoch` or
            `sampling`.
        options: `framework`; `config`, a `RunConfig` as plain values; `device`.

    Raises:
        KeyError: no such subject.
    """
    if options["framework"] == "jittor":
        import jittor_env

        jittor_env.load(cuda=options.get("device") == "cuda")
    side = import_module(f"ddpm_study.timing.on_{options['framework']}")
    config = RunConfig.from_dict(options["config"])
    trainer = import_module(f"impl_{options['framework']}.train").Trainer(
        config, device=options.get("device", "cpu")
    )
    return {
        "training_step": _training_step,
        "sampling_step": _sampling_step,
        "forward": side.forward,
        "backward": side.backward,
        "optimizer": side.optimizer,
        "epoch": _epoch,
        "sampling": _sampling,
    }[subject](_Work(options["framework"], config, trainer, side.wait))


def random_images(config: RunConfig, count: int) -> np.ndarray:
    """Return random images in a model's shape, float32 (count, C, H, W) in [-1, 1]."""
    unet = config.unet
    shape = (count, unet.image_channels, unet.image_size, unet.image_size)
    return streams.stream(0, "probe", "images").uniform(-1, 1, shape).astype(np.float32)


class _Work:
    """What every unit needs: a trainer, random images in its shape, and a way to wait."""

    def __init__(self, framework: str, config: RunConfig, trainer: Any, wait: Unit) -> None:
        self.framework, self.config, self.trainer, self.wait = framework, config, trainer, wait

    def images(self, count: int) -> np.ndarray:
        """Return random images, float32 (count, C, H, W) in [-1, 1]."""
        return random_images(self.config, count)

    @property
    def batch(self) -> np.ndarray:
        """A batch of training."""
        return self.images(self.config.train.batch_size)

    def chain(self) -> Iterator[tuple[int, np.ndarray]]:
        """Start a reverse chain."""
        module = import_module(f"impl_{self.framework}.sample")
        numbers = range(self.config.sample.batch_size)
        model = self.trainer.model.eval()
        chain: Iterator[tuple[int, np.ndarray]] = module.p_sample_loop(
            model, module.Sampler(self.trainer.diffusion, self.config.sample), numbers, seed=0
        )
        next(chain)  # the start is noise and no step
        return chain


def _training_step(work: _Work) -> Unit:
    batch = work.batch

    def unit() -> None:
        work.trainer.train_step(batch)
        work.wait()

    return unit


def _sampling_step(work: _Work) -> Unit:
    chain = work.chain()

    def unit() -> None:
        nonlocal chain
        t, _ = next(chain)
        work.wait()
        if t == 0:
            chain = work.chain()

    return unit


def _epoch(work: _Work) -> Unit:
    images = work.images(EPOCH_IMAGES)

    def unit() -> None:
        for _ in work.trainer.train_epoch(images, 0):
            pass
        work.wait()

    return unit


def _sampling(work: _Work) -> Unit:
    def unit() -> None:
        for _ in work.chain():
            pass
        work.wait()

    return unit
