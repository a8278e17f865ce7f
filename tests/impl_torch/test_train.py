"""Training: the step, resuming bit for bit, and memory."""

import dataclasses
import gc
import math

import numpy as np
import pytest
import torch

from ddpm import streams
from ddpm.checkpoint import Checkpoint
from ddpm.config import DiffusionConfig, RunConfig, TrainConfig
from ddpm.data.image_set import batches
from impl_torch.optim import Adam
from impl_torch.train import Trainer
from impl_torch.unet import UNet
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
def test_a_resume_that_forgets_a_part_is_seen(forgotten, tmp_path, unbroken, monkeypatch):
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


def test_a_checkpoint_is_a_copy_and_says_what_it_is(unbroken):
    trainer = Trainer(CONFIG)
    list(trainer.train_epoch(IMAGES, 0))
    taken, before = trainer.checkpoint(dataset="digits", epoch=1), state(trainer)
    list(trainer.train_epoch(IMAGES, 1))
    found = {f"{g}/{name}": a for g in GROUPS for name, a in getattr(taken, g).items()}
    assert same_bits(found, before)
    assert (taken.framework, taken.dataset, taken.epoch, taken.step) == ("torch", "digits", 1, 3)
    assert taken.config == CONFIG


def test_a_restored_trainer_shares_nothing_with_the_checkpoint():
    taken = Trainer(CONFIG).checkpoint(dataset="x", epoch=0)
    before = {name: array.copy() for name, array in taken.weights.items()}
    trainer = Trainer(CONFIG)
    trainer.restore(taken)
    list(trainer.train_epoch(IMAGES, 0))
    assert same_bits(taken.weights, before)


def test_the_seed_decides_everything(unbroken):
    other = Trainer(CONFIG.with_(train={"seed": 6}))
    assert epochs(other) != unbroken[0]


def test_a_step_draws_its_numbers_from_its_streams():
    trainer = Trainer(CONFIG, dtype="float64")
    list(trainer.train_epoch(IMAGES, 0))
    options, step = CONFIG.train, trainer.step
    _, batch = next(batches(
        IMAGES, batch_size=4, epoch=1, seed=options.seed, first_step=step, flip=True
    ))  # fmt: skip
    t = streams.timesteps(4, CONFIG.diffusion.T, seed=options.seed, step=step)
    noise = streams.noise(batch.shape, seed=options.seed, step=step).astype(np.float64)
    bar = oracles.schedule(CONFIG.diffusion)["alpha_bar"][t].reshape(-1, 1, 1, 1)
    x_t = np.sqrt(bar) * batch + np.sqrt(1 - bar) * noise
    model = UNet(SMALL).double().train()
    model.load_state_dict(trainer.model.state_dict())
    model.use_dropout_masks(
        lambda shape, rate, layer: streams.dropout_mask(
            shape, rate, seed=options.seed, step=step, layer=layer
        )
    )
    with torch.no_grad():
        predicted = model(torch.from_numpy(x_t), torch.from_numpy(t)).numpy()
    loss = next(trainer.train_epoch(IMAGES, 1))
    assert loss == pytest.approx(((predicted - noise) ** 2).mean(), rel=1e-12)
    assert trainer.step == step + 1


def test_steps_of_a_trainer_are_those_of_the_oracle_adam_on_its_gradients():
    config = CONFIG.with_(train={"clip_norm": 0.5})
    trainer = Trainer(config, dtype="float64")
    start = {n: p.detach().numpy().copy() for n, p in trainer.model.named_parameters()}
    gradients, rates = [], []
    for step in range(4):
        loss = trainer.loss(IMAGES[:4])
        names = [name for name, _ in trainer.model.named_parameters()]
        found = torch.autograd.grad(loss, list(trainer.model.parameters()))
        gradients.append({n: g.numpy().copy() for n, g in zip(names, found, strict=True)})
        rates.append(config.train.lr * min(step / 2, 1))
        trainer.train_step(IMAGES[:4])
    expected = oracles.adam(start, gradients, rates, config.train)
    actual = {n: p.detach().numpy() for n, p in trainer.model.named_parameters()}
    # On the scale of one step: gradients that are 0 but for rounding have no size of their own.
    gaps = [error(actual[name], expected[name], scale=config.train.lr) for name in expected]
    assert max(gaps) < 1e-6
    assert oracles.norm(gradients[-1]) > 0.5, "nothing was clipped"


def test_the_order_of_weights_in_memory_changes_no_number(monkeypatch):
    last = Trainer(CONFIG, dtype="float64")
    layout = torch.channels_last
    assert all(
        p.is_contiguous(memory_format=layout) for p in last.model.parameters() if p.ndim == 4
    )
    monkeypatch.setattr(torch.nn.Module, "to", _without_layout(torch.nn.Module.to))
    first = Trainer(CONFIG, dtype="float64")
    assert not first.model.middle.resnet1.conv1.weight.is_contiguous(
        memory_format=torch.channels_last
    )
    for trainer in (first, last):
        list(trainer.train_epoch(IMAGES, 0))
    one, other = state(first), state(last)
    for name in one:
        assert error(other[name], one[name], scale=max(np.abs(one[name]).max(), 1e-3)) < 1e-9, name


def _without_layout(to):
    return lambda module, *args, memory_format=None: to(module, *args)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_trainer_keeps_its_dtype(dtype):
    trainer = Trainer(CONFIG, dtype=dtype)
    trainer.train_step(IMAGES[:4])
    assert {array.dtype for array in state(trainer).values()} == {np.dtype(dtype)}
    assert trainer.tensor(IMAGES).dtype == getattr(torch, dtype)
    assert trainer.loss(IMAGES[:4]).dtype == getattr(torch, dtype)


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
        gc.collect()
        found = [o for o in gc.get_objects() if issubclass(type(o), torch.Tensor)]
        return len(found), sum(t.numel() for t in found)

    for _ in range(5):
        trainer.train_step(IMAGES[:4])
    before = live()
    for _ in range(50):
        trainer.train_step(IMAGES[:4])
    assert live() == before
    kept = [trainer.loss(IMAGES[:4])]  # a loss that is held, with its graph, must show
    assert live()[0] > before[0], kept


def test_an_unknown_configuration_is_not_restored_in_part():
    wider = dataclasses.replace(SMALL, base_channels=16)
    taken = Trainer(dataclasses.replace(CONFIG, unet=wider)).checkpoint(dataset="x", epoch=0)
    with pytest.raises(RuntimeError, match="size"):
        Trainer(CONFIG).restore(taken)
