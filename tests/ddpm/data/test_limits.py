"""Sizes beyond every use are refused by name, before anything is allocated."""

import pytest

from ddpm.data.limits import LARGEST_SIDE, require_set, require_side
from ddpm.errors import InputError


def test_sides(refuses):
    require_side(1)
    require_side(LARGEST_SIDE)
    for size in (0, -1, LARGEST_SIDE + 1, 10**12):
        with refuses(f"size = {size} cannot be used"):
            require_side(size)


def test_a_set_has_a_bound():
    require_set(60_000, 3, 32, 32)
    with pytest.raises(InputError, match="need 14,901"):
        require_set(1_000_000, 1, 2000, 2000)
