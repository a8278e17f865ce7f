"""The key alone decides random numbers."""

from __future__ import annotations

import numpy as np
import pytest

from parity.base.rng import cotangent, draw_cotangent, keyed, random_bytes


def test_cotangents_are_the_same_numbers_in_every_precision() -> None:
    draw = draw_cotangent((50, 40), "key")
    wide = (draw.astype(np.float64) + 0.5) / 64
    narrow = cotangent(draw)
    assert narrow.dtype == np.float32
    np.testing.assert_array_equal(wide, narrow)
    assert (draw == draw_cotangent((50, 40), "key")).all()
    assert (draw != draw_cotangent((50, 40), "other")).mean() > 0.9
    assert wide.all()
    assert abs(wide.mean()) < 0.1
    assert wide.std() == pytest.approx(1.155, abs=0.05)


def test_keys_decide_and_nothing_else_does() -> None:
    assert keyed(1, "a").random() == keyed(1, "a").random()
    assert keyed(1, "a").random() != keyed(1, "b").random()


def test_bytes_depend_on_their_key_alone() -> None:
    first = random_bytes(1000, 1, "a").copy()
    assert (random_bytes(1000, 2, "a") != first).mean() > 0.9
    assert keyed(3).random() is not None
    np.testing.assert_array_equal(random_bytes(1000, 1, "a"), first)
