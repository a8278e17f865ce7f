"""Training (Ho et al. 2020, algorithm 1)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ddpm import streams
from ddpm.checkpoint import Checkpoint
from ddpm.config import RunConfig
from ddpm.data.image_set import batches
from impl_torch.diffusion import GaussianDiffusion
from impl_torch.distributed import join
from impl_torch.ema import EMA
from impl_torch.optim import Adam, learning_rate
from impl_torch.unet import UNet


class Trainer:
    """A model in training: its weights, Adam's moments, the averaged weights, and the step."""

    def __init__(self, config: RunConfig, dtype: str = "float32", device: str = "cpu") -> None:
        self.config = config
        self.group = join()
        self.dtype = getattr(torch, dtype)
        self.device = device
        model = UNet(config.unet).initialize(config.train.seed)
        self.model = model.to(self.device, self.dtype).train()
        self.replica = self.group.replica(self.model)
        self.diffusion = GaussianDiffusion(config.diffusion)
        self.optimizer = Adam(self.model, config.train)
        self.ema = EMA(self.model, config.train.ema_decay)
        self.step = 0

    def loss(self, images: np.ndarray) -> Tensor:
        """Return the loss of a batch (N, C, H, W) with this step's timesteps, noise and masks.

        Of several processes each returns the loss of its own rows; their mean is the batch's.
        """
        seed, rows = self.config.train.seed, self.group.shard(len(images))
        t = streams.timesteps(len(images), self.config.diffusion.T, seed=seed, step=self.step)
        noise = streams.noise(images.shape, seed=seed, step=self.step)
        self.model.use_dropout_masks(partial(rows.dropout_mask, seed=seed, step=self.step))
        x_0, t, noise = rows.of(images), rows.of(t), rows.of(noise)
        timestep = torch.from_numpy(t).to(self.device)
        loss = self.diffusion.loss(self.replica, self.tensor(x_0), timestep, self.tensor(noise))
        return self.group.weighted(loss, rows)

    def train_step(self, images: np.ndarray) -> float:
        """Update weights, moments and average on one batch (N, C, H, W); return its loss."""
        loss = self.loss(images)
        mean = self.group.mean(loss)  # before the update: a lost process leaves no half a step
        lr = learning_rate(self.step, self.config.train)
        self.optimizer.update(loss, lr, self.config.train.clip_norm)
        self.ema.update(self.model)
        self.step += 1
        return mean.item()

    def train_epoch(self, images: np.ndarray, epoch: int, start: int = 0) -> Iterator[float]:
        """Train on every batch of an epoch from batch `start` on; yield each loss."""
        options = self.config.train
        for _, batch in batches(
            images,
            batch_size=options.batch_size,
            epoch=epoch,
            seed=options.seed,
            first_step=self.step - start,
            flip=options.flip,
            start=start,
        ):
            yield self.train_step(batch)

    def tensor(self, array: np.ndarray) -> Tensor:
        """Bring an array to the model's dtype and device."""
        return torch.from_numpy(array).to(self.device, self.dtype)

    def checkpoint(self, *, dataset: str, epoch: int) -> Checkpoint:
        """Copy the state into a checkpoint."""
        return Checkpoint(
            config=self.config,
            framework="torch",
            dataset=dataset,
            epoch=epoch,
            step=self.step,
            weights=_to_numpy(dict(self.model.named_parameters())),
            ema=_to_numpy(self.ema.average),
            exp_avg=_to_numpy(self.optimizer.moments("exp_avg")),
            exp_avg_sq=_to_numpy(self.optimizer.moments("exp_avg_sq")),
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue bit for bit from a checkpoint of either framework."""
        _copy_into(dict(self.model.named_parameters()), checkpoint.weights)
        _copy_into(self.ema.average, checkpoint.ema)
        if checkpoint.exp_avg:  # a converted checkpoint has none, and a new trainer's are zero
            _copy_into(self.optimizer.moments("exp_avg"), checkpoint.exp_avg)
            _copy_into(self.optimizer.moments("exp_avg_sq"), checkpoint.exp_avg_sq)
        self.optimizer.set_step(checkpoint.step)
        self.step = checkpoint.step


def _to_numpy(tensors: dict[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in tensors.items()}


@torch.no_grad()
def _copy_into(tensors: dict[str, Tensor], arrays: dict[str, np.ndarray]) -> None:
    for name, tensor in tensors.items():
        tensor.copy_(torch.from_numpy(arrays[name]))
