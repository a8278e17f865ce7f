"""Training in Jittor: a checkpoint of PyTorch, and float64 constants after float32 kernels."""

import numpy as np
import pytest

from ddpm.checkpoint import Checkpoint
from ddpm.config import preset
from impl_jittor.train import Trainer
from impl_torch.train import Trainer as TorchTrainer
from tests.implementations import oracles
from tests.implementations.oracles import same_bits
from tests.implementations.test_train import CONFIG, IMAGES, state


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_checkpoint_of_torch_is_restored_to_the_bit(dtype, tmp_path):
    torchs = TorchTrainer(CONFIG, dtype=dtype)
    list(torchs.train_epoch(IMAGES, 0))
    stored = torchs.checkpoint(dataset="x", epoch=1)
    if dtype == "float32":  # files have no other
        stored.save(tmp_path / "c.safetensors")
        stored = Checkpoint.load(tmp_path / "c.safetensors")
    trainer = Trainer(CONFIG, dtype=dtype)
    trainer.restore(stored)
    assert trainer.step == torchs.step == 3
    assert trainer.optimizer.n_step == 3
    assert same_bits(state(trainer), state(torchs))


def wrong_moments():
    """Count the float64 moments that are wrong in a process that has trained in float32.

    After one step each is (1 - beta1) times the clipped gradient.
    """
    config = preset("tiny")
    images = oracles.images(32, seed=0, size=28)
    Trainer(config).train_step(images)
    trainer = Trainer(config, "float64")
    trainer.train_step(images)
    moments = trainer.optimizer.moments("exp_avg").values()
    gradients = trainer.optimizer.param_groups[0]["grads"]
    return sum(
        not np.allclose(moment.numpy(), 0.1 * gradient.numpy(), rtol=1e-12, atol=1e-30)
        for moment, gradient in zip(moments, gradients, strict=True)
    )


def test_float64_constants_survive_float32_kernels_in_the_same_process():
    assert wrong_moments() == 0
