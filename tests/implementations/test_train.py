"""Training on both sides: the step, resuming bit for bit, and memory."""

import dataclasses
import math

import numpy as np
import pytest

from ddpm import streams
from ddpm.checkpoint import Checkpoint
from ddpm.config import DiffusionConfig, RunConfig, TrainConfig
from ddpm.data.image_set import batches
from tests.implementations import oracles
from tests.implementations.oracles import SMALL, error, same_bits

CONFIG = RunConfig(
    unet=SMALL,
    diffusion=DiffusionConfig(T=10, beta_start=0.05, beta_end=0.5),
    train=TrainConfig(
        epochs=3, batch_size=4, lr=1e-2, warmup_steps=2, ema_decay=0.9, flip=True, seed=5
    ),
)
IMAGES = oracles.images(14, seed=0)  # three full batches, and two images that are left out
GROUPS = "weights", "ema", "exp_avg", "exp_avg_sq"


def groups(checkpoint):
    arrays = {group: getattr(checkpoint, group) for group in GROUPS}
    return {f"{group}/{name}": a for group, named in arrays.items() for name, a in named.items()}


def state(trainer):
    return groups(trainer.checkpoint(dataset="x", epoch=0))


def epochs(trainer, first=0):
    return [
        loss for e in range(first, CONFIG.train.epochs) for loss in trainer.train_epoch(IMAGES, e)
    ]


@pytest.fixture(scope="module")
def uninterrupted(implementation):
    """The losses and the last state of a run that no checkpoint interrupts."""
    trainer = implementation.train.Trainer(CONFIG)
    losses = epochs(trainer)
    return losses, state(trainer)


def resumed(implementation, trainer, path, *, epoch):
    """Another trainer, whose state is read from the file alone."""
    trainer.checkpoint(dataset="digits", epoch=epoch).save(path)
    other = implementation.train.Trainer(CONFIG)
    other.restore(Checkpoint.load(path))
    return other


@pytest.mark.parametrize("done", [0, 1, 2])
def test_a_run_resumed_from_any_epoch_is_bitwise_the_uninterrupted_one(
    implementation, done, tmp_path, uninterrupted
):
    first = implementation.train.Trainer(CONFIG)
    losses = [loss for e in range(done) for loss in first.train_epoch(IMAGES, e)]
    second = resumed(implementation, first, tmp_path / "c.safetensors", epoch=done)
    losses += epochs(second, done)
    assert losses == uninterrupted[0]
    assert same_bits(state(second), uninterrupted[1])


@pytest.mark.parametrize("batch", [1, 2])
def test_a_run_resumed_within_an_epoch_is_bitwise_the_uninterrupted_one(
    implementation, batch, tmp_path, uninterrupted
):
    first = implementation.train.Trainer(CONFIG)
    losses = list(first.train_epoch(IMAGES, 0))
    running = first.train_epoch(IMAGES, 1)
    losses += [next(running) for _ in range(batch)]
    second = resumed(implementation, first, tmp_path / "c.safetensors", epoch=1)
    losses += second.train_epoch(IMAGES, 1, start=batch)
    losses += epochs(second, 2)
    assert losses == uninterrupted[0]
    assert same_bits(state(second), uninterrupted[1])


@pytest.mark.parametrize("forgotten", ["step", "ema", "exp_avg_sq"])
def test_a_resume_that_forgets_a_part_is_seen(
    implementation, forgotten, uninterrupted, monkeypatch
):
    first = implementation.train.Trainer(CONFIG)
    list(first.train_epoch(IMAGES, 0))
    if forgotten == "step":
        monkeypatch.setattr(implementation.optim.Adam, "set_step", lambda self, step: None)
    stored = first.checkpoint(dataset="x", epoch=1)
    if forgotten != "step":
        for array in getattr(stored, forgotten).values():
            array[:] = 0
    second = implementation.train.Trainer(CONFIG)
    second.restore(stored)
    epochs(second, 1)
    assert not same_bits(state(second), uninterrupted[1])


def test_a_checkpoint_is_a_copy_and_says_where_it_comes_from(implementation):
    trainer = implementation.train.Trainer(CONFIG)
    list(trainer.train_epoch(IMAGES, 0))
    stored, before = trainer.checkpoint(dataset="digits", epoch=1), state(trainer)
    list(trainer.train_epoch(IMAGES, 1))
    assert same_bits(groups(stored), before)
    assert (stored.framework, stored.dataset) == (implementation.name, "digits")
    assert (stored.epoch, stored.step) == (1, 3)
    assert stored.config == CONFIG


def test_a_restored_trainer_shares_nothing_with_the_checkpoint(implementation):
    stored = implementation.train.Trainer(CONFIG).checkpoint(dataset="x", epoch=0)
    before = {name: array.copy() for name, array in stored.weights.items()}
    trainer = implementation.train.Trainer(CONFIG)
    trainer.restore(stored)
    list(trainer.train_epoch(IMAGES, 0))
    assert same_bits(stored.weights, before)


def test_the_seed_decides_everything(implementation, uninterrupted):
    other = implementation.train.Trainer(CONFIG.with_(train={"seed": 6}))
    assert epochs(other) != uninterrupted[0]


def test_a_step_draws_its_numbers_from_its_streams(implementation):
    trainer = implementation.train.Trainer(CONFIG, dtype="float64")
    list(trainer.train_epoch(IMAGES, 0))
    options, step = CONFIG.train, trainer.step
    _, batch = next(
        batches(IMAGES, batch_size=4, epoch=1, seed=options.seed, first_step=step, flip=True)
    )
    t = streams.timesteps(4, CONFIG.diffusion.T, seed=options.seed, step=step)
    noise = streams.noise(batch.shape, seed=options.seed, step=step).astype(np.float64)
    bar = oracles.schedule(CONFIG.diffusion)["alpha_bar"][t].reshape(-1, 1, 1, 1)
    x_t = np.sqrt(bar) * batch + np.sqrt(1 - bar) * noise
    model = implementation.cast(implementation.unet.UNet(SMALL), "float64").train()
    implementation.load(model, implementation.arrays(trainer.model))
    model.use_dropout_masks(
        lambda shape, rate, layer: streams.dropout_mask(
            shape, rate, seed=options.seed, step=step, layer=layer
        )
    )
    with implementation.no_grad():
        predicted = model(implementation.tensor(x_t), implementation.tensor(t))
    predicted = implementation.numpy(predicted)
    loss = next(trainer.train_epoch(IMAGES, 1))
    assert loss == pytest.approx(((predicted - noise) ** 2).mean(), rel=1e-12)
    assert trainer.step == step + 1


def test_steps_of_a_trainer_are_those_of_the_oracle_adam_on_its_gradients(implementation):
    config = CONFIG.with_(train={"clip_norm": 0.5})
    trainer = implementation.train.Trainer(config, dtype="float64")
    start = implementation.arrays(trainer.model)
    gradients, rates = [], []
    for step in range(4):
        parameters = dict(trainer.model.named_parameters())
        slopes = implementation.gradients(trainer.loss(IMAGES[:4]), list(parameters.values()))
        named = zip(parameters, slopes, strict=True)
        gradients.append({name: implementation.numpy(g).copy() for name, g in named})
        rates.append(config.train.lr * min(step / 2, 1))
        trainer.train_step(IMAGES[:4])
    expected = oracles.adam(start, gradients, rates, config.train)
    actual = implementation.arrays(trainer.model)
    # On the scale of one step: gradients that are 0 but for rounding have no size of their own.
    errors = [error(actual[name], expected[name], scale=config.train.lr) for name in expected]
    assert max(errors) < 1e-6
    assert oracles.norm(gradients[-1]) > 0.5, "nothing was clipped"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_trainer_keeps_its_dtype(implementation, dtype):
    trainer = implementation.train.Trainer(CONFIG, dtype=dtype)
    trainer.train_step(IMAGES[:4])
    assert {array.dtype for array in state(trainer).values()} == {np.dtype(dtype)}
    assert implementation.dtype(trainer.tensor(IMAGES)) == dtype
    assert implementation.dtype(trainer.loss(IMAGES[:4])) == dtype


def test_training_lowers_the_loss(implementation):
    config = CONFIG.with_(unet={"dropout": 0.0}, train={"lr": 5e-3})
    trainer = implementation.train.Trainer(config)
    losses = [loss for e in range(15) for loss in trainer.train_epoch(0 * IMAGES, e)]
    assert losses[0] == pytest.approx(1.0, abs=0.2)  # it predicts nothing yet
    assert np.mean(losses[-10:]) < 0.6
    assert all(map(math.isfinite, losses))


def test_memory_does_not_grow_over_fifty_steps(implementation):
    first = implementation.train.Trainer(CONFIG)
    first.train_step(IMAGES[:4])
    trainer = implementation.train.Trainer(CONFIG)
    trainer.restore(first.checkpoint(dataset="x", epoch=0))
    for _ in range(5):
        trainer.train_step(IMAGES[:4])
    before = implementation.live()
    for _ in range(50):
        trainer.train_step(IMAGES[:4])
    assert implementation.live() == before
    held = [trainer.loss(IMAGES[:4])]  # a loss that is held, with its graph, must show
    assert implementation.live()["tensors"] > before["tensors"], held


def test_another_configuration_is_not_restored_in_part(implementation):
    wider = dataclasses.replace(SMALL, base_channels=16)
    other = implementation.train.Trainer(dataclasses.replace(CONFIG, unet=wider))
    trainer = implementation.train.Trainer(CONFIG)
    with pytest.raises(RuntimeError, match="size"):
        trainer.restore(other.checkpoint(dataset="x", epoch=0))
