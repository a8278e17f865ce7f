"""Training: the step, resuming bit for bit, and memory."""

import dataclasses
import gc
import math

import jittor as jt
import numpy as np
import pytest

from ddpm import streams
from ddpm.checkpoint import Checkpoint
from ddpm.config import DiffusionConfig, RunConfig, TrainConfig, preset
from ddpm.data.image_set import batches
from impl_jittor.optim import Adam
from impl_jittor.train import Trainer
from impl_torch.train import Trainer as TorchTrainer
from tests.impl_torch import oracles
from tests.impl_torch.oracles import SMALL, error, same_bits

CONFIG = RunConfig(
    unet=SMALL,
    diffusion=DiffusionConfig(T=10, beta_start=0.05, beta_end=0.5),
    train=TrainConfig(
        epochs=3, batch_size=4, lr=1e-2, warmup_steps=2, ema_decay=0.9, flip=True, seed=5
    ),
)
IMAGES = oracles.images(14, seed=0)  # three whole batches, and two images that are left out
GROUPS = "weights", "ema", "exp_avg", "exp_avg_sq"


def state(trainer):
    taken = trainer.checkpoint(dataset="x", epoch=0)
    return {f"{group}/{name}": a for group in GROUPS for name, a in getattr(taken, group).items()}


def epochs(trainer, first=0):
    return [
        loss for e in range(first, CONFIG.train.epochs) for loss in trainer.train_epoch(IMAGES, e)
    ]


@pytest.fixture(scope="module")
def unbroken():
    """The losses and the last state of a run that no checkpoint interrupts."""
    trainer = Trainer(CONFIG)
    losses = epochs(trainer)
    return losses, state(trainer)


def resumed(trainer, path, *, epoch):
    """Another trainer, which knows nothing but the file."""
    trainer.checkpoint(dataset="digits", epoch=epoch).save(path)
    other = Trainer(CONFIG)
    other.restore(Checkpoint.load(path))
    return other


@pytest.mark.parametrize("done", [0, 1, 2])
def test_a_run_resumed_from_any_epoch_is_bitwise_the_unbroken_one(done, tmp_path, unbroken):
    first = Trainer(CONFIG)
    losses = [loss for e in range(done) for loss in first.train_epoch(IMAGES, e)]
    second = resumed(first, tmp_path / "c.safetensors", epoch=done)
    losses += epochs(second, done)
    assert losses == unbroken[0]
    assert same_bits(state(second), unbroken[1])


@pytest.mark.parametrize("batch", [1, 2])
def test_a_run_resumed_within_an_epoch_is_bitwise_the_unbroken_one(batch, tmp_path, unbroken):
    first = Trainer(CONFIG)
    losses = list(first.train_epoch(IMAGES, 0))
    running = first.train_epoch(IMAGES, 1)
    losses += [next(running) for _ in range(batch)]
    second = resumed(first, tmp_path / "c.safetensors", epoch=1)
    losses += second.train_epoch(IMAGES, 1, start=batch)
    losses += epochs(second, 2)
    assert losses == unbroken[0]
    assert same_bits(state(second), unbroken[1])


@pytest.mark.parametrize("forgotten", ["step", "ema", "exp_avg_sq"])
def test_a_resume_that_forgets_a_part_is_seen(forgotten, unbroken, monkeypatch):
    first = Trainer(CONFIG)
    list(first.train_epoch(IMAGES, 0))
    if forgotten == "step":
        monkeypatch.setattr(Adam, "set_step", lambda self, step: None)
    taken = first.checkpoint(dataset="x", epoch=1)
    if forgotten != "step":
        for array in getattr(taken, forgotten).values():
            array[:] = 0
    second = Trainer(CONFIG)
    second.restore(taken)
    epochs(second, 1)
    assert not same_bits(state(second), unbroken[1])


def test_a_checkpoint_is_a_copy_and_says_what_it_is():
    trainer = Trainer(CONFIG)
    list(trainer.train_epoch(IMAGES, 0))
    taken, before = trainer.checkpoint(dataset="digits", epoch=1), state(trainer)
    list(trainer.train_epoch(IMAGES, 1))
    found = {f"{g}/{name}": a for g in GROUPS for name, a in getattr(taken, g).items()}
    assert same_bits(found, before)
    assert (taken.framework, taken.dataset, taken.epoch, taken.step) == ("jittor", "digits", 1, 3)
    assert taken.config == CONFIG


def test_a_restored_trainer_shares_nothing_with_the_checkpoint():
    taken = Trainer(CONFIG).checkpoint(dataset="x", epoch=0)
    before = {name: array.copy() for name, array in taken.weights.items()}
    trainer = Trainer(CONFIG)
    trainer.restore(taken)
    list(trainer.train_epoch(IMAGES, 0))
    assert same_bits(taken.weights, before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_checkpoint_of_torch_is_restored_to_the_bit(dtype, tmp_path):
    torchs = TorchTrainer(CONFIG, dtype=dtype)
    list(torchs.train_epoch(IMAGES, 0))
    torchs.checkpoint(dataset="x", epoch=1).save(tmp_path / "c.safetensors")
    trainer = Trainer(CONFIG, dtype=dtype)
    trainer.restore(Checkpoint.load(tmp_path / "c.safetensors"))
    assert trainer.step == torchs.step == 3
    assert trainer.optimizer.n_step == 3
    assert same_bits(state(trainer), state(torchs))


def test_the_seed_decides_everything(unbroken):
    other = Trainer(CONFIG.with_(train={"seed": 6}))
    assert epochs(other) != unbroken[0]


def test_a_step_draws_its_numbers_from_its_streams():
    trainer = Trainer(CONFIG, dtype="float64")
    list(trainer.train_epoch(IMAGES, 0))
    options, step = CONFIG.train, trainer.step
    _, batch = next(
        batches(IMAGES, batch_size=4, epoch=1, seed=options.seed, first_step=step, flip=True)
    )
    t = streams.timesteps(4, CONFIG.diffusion.T, seed=options.seed, step=step)
    noise = streams.noise(batch.shape, seed=options.seed, step=step).astype(np.float64)
    bar = oracles.schedule(CONFIG.diffusion)["alpha_bar"][t].reshape(-1, 1, 1, 1)
    x_t = np.sqrt(bar) * batch + np.sqrt(1 - bar) * noise
    trainer.model.use_dropout_masks(
        lambda shape, rate, layer: streams.dropout_mask(
            shape, rate, seed=options.seed, step=step, layer=layer
        )
    )
    with jt.no_grad():
        predicted = trainer.model(jt.array64(x_t), jt.array(t)).numpy()
    loss = next(trainer.train_epoch(IMAGES, 1))
    assert loss == pytest.approx(((predicted - noise) ** 2).mean(), rel=1e-12)
    assert trainer.step == step + 1


def test_steps_of_a_trainer_are_those_of_the_oracle_adam_on_its_gradients():
    config = CONFIG.with_(train={"clip_norm": 0.5})
    trainer = Trainer(config, dtype="float64")
    named = dict(trainer.model.named_parameters())
    start = {name: p.numpy().copy() for name, p in named.items()}
    gradients, rates = [], []
    for step in range(4):
        found = jt.grad(trainer.loss(IMAGES[:4]), list(named.values()))
        gradients.append({n: g.numpy().copy() for n, g in zip(named, found, strict=True)})
        rates.append(config.train.lr * min(step / 2, 1))
        trainer.train_step(IMAGES[:4])
    expected = oracles.adam(start, gradients, rates, config.train)
    # On the scale of one step: gradients that are 0 but for rounding have no size of their own.
    actual = {name: p.numpy() for name, p in named.items()}
    gaps = [error(actual[name], expected[name], scale=config.train.lr) for name in expected]
    assert max(gaps) < 1e-6
    assert oracles.norm(gradients[-1]) > 0.5, "nothing was clipped"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_trainer_keeps_its_dtype(dtype):
    trainer = Trainer(CONFIG, dtype=dtype)
    trainer.train_step(IMAGES[:4])
    assert {array.dtype for array in state(trainer).values()} == {np.dtype(dtype)}
    assert str(trainer.tensor(IMAGES).dtype) == dtype
    assert str(trainer.loss(IMAGES[:4]).dtype) == dtype


def test_training_lowers_the_loss():
    config = CONFIG.with_(unet={"dropout": 0.0}, train={"lr": 5e-3})
    trainer = Trainer(config)
    losses = [loss for e in range(15) for loss in trainer.train_epoch(0 * IMAGES, e)]
    assert losses[0] == pytest.approx(1.0, abs=0.2)  # it predicts nothing yet
    assert np.mean(losses[-10:]) < 0.6
    assert all(map(math.isfinite, losses))


def test_memory_does_not_grow_over_fifty_steps():
    first = Trainer(CONFIG)
    first.train_step(IMAGES[:4])
    trainer = Trainer(CONFIG)
    trainer.restore(first.checkpoint(dataset="x", epoch=0))

    def live():
        jt.sync_all(True)
        gc.collect()
        return jt.liveness_info()

    for _ in range(5):
        trainer.train_step(IMAGES[:4])
    before = live()
    for _ in range(50):
        trainer.train_step(IMAGES[:4])
    assert live() == before
    kept = [trainer.loss(IMAGES[:4])]  # a loss that is held, with its graph, must show
    assert live() != before, kept


def test_another_configuration_is_not_restored_in_part():
    wider = dataclasses.replace(SMALL, base_channels=16)
    taken = Trainer(dataclasses.replace(CONFIG, unet=wider)).checkpoint(dataset="x", epoch=0)
    trainer = Trainer(CONFIG)
    with pytest.raises(RuntimeError, match="size"):
        trainer.restore(taken)


def wrong_moments():
    """How many float64 moments are wrong in a process that has trained in float32.

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
