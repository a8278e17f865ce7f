"""The tables against diffusers' DDPMScheduler."""

import pytest

from impl_torch.schedule import Schedule
from tests.impl_torch.diffusers_scheduler import scheduler
from tests.implementations.oracles import DIFFUSIONS, error


@pytest.mark.parametrize("config", DIFFUSIONS.values(), ids=DIFFUSIONS.keys())
def test_tables_are_those_of_diffusers(config):
    expected, actual = scheduler(config), Schedule(config)
    # Its tables are float32, of numbers up to 1: one rounding each, T for the product alpha_bar.
    beta, alpha = expected.betas.double().numpy(), expected.alphas.double().numpy()
    assert error(actual.beta.numpy(), beta, scale=1) < 2e-7
    assert error(actual.alpha.numpy(), alpha, scale=1) < 2e-7
    alpha_bar = expected.alphas_cumprod.double().numpy()
    assert error(actual.alpha_bar.numpy(), alpha_bar, scale=1) < 1e-5
