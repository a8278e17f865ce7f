"""Draws depend on their number alone, and differ in everything that has a size."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import strategies as st

from audit.draws.configuration import COUNT, Configuration, configuration, example

ALL = [configuration(number) for number in range(COUNT)]


def test_a_key_gives_the_same_and_another_key_another() -> None:
    strategy = st.lists(st.integers(0, 10**6), min_size=5, max_size=5)
    assert example(strategy, "a", 1) == example(strategy, "a", 1)
    assert example(strategy, "a", 1) != example(strategy, "a", 2)


def test_a_strategy_that_refuses_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing was drawn"):
        example(st.integers().filter(lambda n: False), "a")


def test_a_number_gives_the_same_in_a_process_that_has_loaded_other_modules() -> None:
    program = (
        "import json; from audit.draws.configuration import configuration as of;"
        "print(json.dumps([of(n).values() for n in range(40)]))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    here = json.loads(json.dumps([c.values() for c in ALL[:40]]))
    assert json.loads(shown.stdout.splitlines()[-1]) == here


def test_draws_are_many_and_differ_in_everything_that_has_a_size() -> None:
    assert len(ALL) >= 200
    assert len({repr(replace(c, number=0)) for c in ALL}) == COUNT
    assert len({c.structure for c in ALL}) >= 8
    sizes: list[Callable[[Configuration], object]] = [
        lambda c: c.run.unet.image_size, lambda c: c.run.unet.image_channels,
        lambda c: c.run.unet.base_channels, lambda c: c.run.unet.channel_multipliers,
        lambda c: c.run.unet.norm_groups, lambda c: c.run.unet.norm_epsilon,
        lambda c: c.run.unet.dropout, lambda c: c.run.diffusion.T, lambda c: c.batch,
        lambda c: c.run.train.betas, lambda c: c.run.train.ema_decay, lambda c: c.stress_input,
    ]  # fmt: skip
    assert min(len({repr(size(c)) for c in ALL}) for size in sizes) >= 3
    assert len({c.run.train.lr for c in ALL}) > COUNT / 2


def test_pytorch_itself_can_run_every_draw() -> None:
    for c in ALL:
        numbers = c.batch * c.smallest_image**2 * c.run.unet.base_channels
        assert numbers > c.run.unet.norm_groups  # else its GroupNorm refuses a single number
    steep = configuration(113)
    assert steep.run.diffusion.beta_end == 0.999
    assert steep.trajectory != "sampling"
