"""Jittor's look-up where its flag lets 64-bit arrays in."""

import jittor as jt
import numpy as np
import pytest

from impl_jittor.schedule import extract


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("converts", [0, 1])
def test_extract_looks_up_each_sample_and_keeps_the_dtype(dtype, converts):
    table = np.array([0.1, 0.2, 0.3])
    timestep = np.array([2, 0, 2, 1])
    like = jt.zeros((4, 1, 2, 2)).cast(dtype)
    with jt.flag_scope(auto_convert_64_to_32=converts):
        found = extract(table, jt.array(timestep), like)
    assert str(found.dtype) == dtype
    assert tuple(found.shape) == (4, 1, 1, 1)
    np.testing.assert_array_equal(found.numpy().ravel(), table[timestep].astype(dtype))
