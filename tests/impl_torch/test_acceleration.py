"""Compiled graphs and bfloat16 change rounding and nothing else."""

import dataclasses

import numpy as np
import pytest
import torch

from impl_torch.acceleration import accelerate
from impl_torch.diffusion import GaussianDiffusion
from impl_torch.sample import p_sample_loop
from impl_torch.samplers import make_sampler
from impl_torch.train import Trainer
from impl_torch.unet import UNet
from tests.implementations import oracles
from tests.implementations.test_train import CONFIG

# Without a branch of zeros, which would hide what the branches do.
DROPPING = dataclasses.replace(CONFIG, unet=dataclasses.replace(CONFIG.unet, dropout=0.4))


def trainer(dtype="float32", **options):
    made = Trainer(DROPPING, dtype=dtype)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in made.model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator).to(parameter)
    accelerate(made.model, **options)
    return made


def gradients(made):
    loss = made.loss(oracles.images(4, seed=1))
    loss.backward()
    flat = [p.grad.flatten().double() for p in made.model.parameters()]
    return loss.item(), torch.cat(flat)


def off(found, exact):
    return ((found - exact).norm() / exact.norm()).item()


def test_bfloat16_keeps_weights_and_loses_digits_alone():
    exact_loss, exact = gradients(trainer("float64"))
    half = trainer(bfloat16=True)
    loss, found = gradients(half)
    # bfloat16 has 8 bits, 2^-9 at rounding; float32 would be at 1e-6.
    assert 1e-4 < off(found, exact) < 0.1
    assert loss == pytest.approx(exact_loss, rel=0.02)
    assert (
        dict(half.model.named_parameters()).keys()
        == dict(UNet(CONFIG.unet).named_parameters()).keys()
    )
    assert {p.dtype for p in half.model.parameters()} == {torch.float32}


def test_a_chain_in_bfloat16_stays_near_and_in_float32():
    sampler = make_sampler(GaussianDiffusion(CONFIG.diffusion), CONFIG.sample)
    ends = []
    for options in ({}, {"bfloat16": True}):
        model = trainer(**options).model.eval()
        *_, (_, images) = p_sample_loop(model, sampler, range(3), seed=0)
        ends.append(images)
    assert ends[1].dtype == np.float32
    assert 1e-5 < np.abs(ends[0] - ends[1]).max() < 0.2


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the compiler's own
def test_a_compiled_model_computes_the_same_with_the_same_masks():
    exact_loss, exact = gradients(trainer("float64"))
    compiled = trainer(compiled=True)
    loss, found = gradients(compiled)
    assert loss == pytest.approx(exact_loss, rel=1e-5)
    _, plain = gradients(trainer())
    assert off(found, plain) > 0, "nothing was compiled"
    assert off(found, exact) < 20 * off(plain, exact)
    # and other masks, at another step, for which nothing is compiled anew
    compiled.model.zero_grad()
    compiled.step = 1
    later = trainer("float64")
    later.step = 1
    with torch.compiler.set_stance("fail_on_recompile"):
        _, found = gradients(compiled)
    assert off(found, gradients(later)[1]) < 1e-4
    assert set(compiled.checkpoint(dataset="x", epoch=0).weights) == set(
        trainer().checkpoint(dataset="x", epoch=0).weights
    )
