"""How long stages will take here, from a forward pass that is timed before they start."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from ddpm.config import RunConfig

if TYPE_CHECKING:
    from ddpm_study.run.stage import Context

IMAGES = 4
# Measured on two cores: a training step against forward passes of its batch, Jittor and PyTorch
# alike; a pass in float64, where Jittor has no fast convolution; the passes of a judgement.
TRAINING, FLOAT64, JUDGEMENT = 3.3, 12.0, 60.0
START = 5.0  # seconds in which a stage builds its models


@dataclass(frozen=True)
class TimeEstimate:
    """What was timed.

    Attributes:
        forward: seconds of a forward pass, for each image of a batch.
        call: seconds of a pass that do not depend on the batch.
    """

    forward: float
    call: float

    @classmethod
    def measure(cls, config: RunConfig, threads: int) -> TimeEstimate:
        """Time PyTorch's forward pass of the run's U-Net on one image and on a few.

        Args:
            config: of the run.
            threads: for PyTorch, meanwhile.
        """
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            one, few = (_forward(config, count) for count in (1, 1 + IMAGES))
        finally:
            torch.set_num_threads(before)
        each = max((few - one) / IMAGES, one / 50)
        return cls(forward=each, call=max(one - each, 0.0))

    def shared_by(self, count: int) -> TimeEstimate:
        """Return what `count` processes of this speed do together."""
        return TimeEstimate(self.forward / count, self.call / count)

    def passes(self, count: int, batch: int) -> float:
        """Return the seconds of `count` forward passes of `batch` images."""
        return count * (self.call + batch * self.forward)

    @property
    def judgement(self) -> float:
        """The seconds of a comparison layer by layer."""
        return START + JUDGEMENT * self.passes(1, 2) * FLOAT64

    def training(self, context: Context) -> float:
        """Return the seconds of one training."""
        options = context.config.train
        steps = len(context.images) // options.batch_size * options.epochs
        return START + TRAINING * self.passes(steps, options.batch_size)

    def ensemble(self, context: Context) -> float:
        """Return the seconds of both sides' ensembles."""
        runs, batch = 2 * context.scale.ensemble, context.config.train.batch_size
        return START + runs * TRAINING * self.passes(context.scale.ensemble_steps, batch)

    def sampling(self, context: Context) -> float:
        """Return the seconds of one sampling."""
        scale = context.scale
        batches = math.ceil(scale.samples / scale.sample_batch)
        return START + self.passes(batches * context.config.diffusion.T, scale.sample_batch)

    def probe(self, context: Context) -> float:
        """Return the seconds of the probe in both precisions."""
        scale = context.scale
        chain = self.passes(context.config.diffusion.T, scale.exact_images)
        steps = TRAINING * self.passes(scale.probe_steps, scale.probe_batch)
        return START + (chain + steps) * (1 + FLOAT64)

    def scoring(self, context: Context) -> float:
        """Return the seconds of all scores."""
        return START + context.scale.samples * (3 + context.scale.seeds) / 200

    def timing(self, context: Context) -> float:
        """Return the seconds of the alternated measurements."""
        batch, rounds = context.config.train.batch_size, context.scale.rounds + 2
        sampled = context.scale.sample_batch
        steps = TRAINING * self.passes(rounds, batch) + self.passes(rounds, sampled)
        return 4 * START + 2 * steps


def _forward(config: RunConfig, images: int) -> float:
    import torch

    from impl_torch.unet import UNet

    model = UNet(config.unet).eval()
    unet = config.unet
    x = torch.zeros(images, unet.image_channels, unet.image_size, unet.image_size)
    timestep = torch.from_numpy(np.zeros(images, np.int64))
    seconds = []
    with torch.inference_mode():
        for _ in range(4):
            begun = time.perf_counter()
            model(x, timestep)
            seconds.append(time.perf_counter() - begun)
    return median(seconds[1:])
