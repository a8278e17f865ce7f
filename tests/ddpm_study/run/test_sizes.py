"""Sizes that were asked for are taken over, and those that cannot be used are one line."""

from dataclasses import replace

import pytest

from ddpm.errors import InputError
from ddpm_study.run.sizes import SIZES


def test_what_is_not_named_stays():
    tiny = SIZES["tiny"]
    assert tiny.resized([]) == tiny
    assert tiny.resized(["rounds=3", "seeds=0"]) == replace(tiny, rounds=3, seeds=0)


@pytest.mark.parametrize(
    ("size", "line"),
    [
        ("round=3", "there is no size 'round': choose from epochs, samples, "),
        ("rounds", "'rounds' is no size: write rounds=NUMBER"),
        ("rounds=many", "'rounds=many' is no size"),
        ("rounds=0", "rounds = 0 cannot be used: it must be a whole number from 1 to 10,000"),
        ("precision_steps=1", "precision_steps = 1 cannot be used: .* from 2 to"),
        ("seeds=-1", "seeds = -1 cannot be used: it must be a whole number from 0 to"),
    ],
)
def test_what_is_no_size_is_one_line(size, line):
    with pytest.raises(InputError, match=line):
        SIZES["tiny"].resized([size])
