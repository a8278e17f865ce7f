"""Differences injected at known places of a tensor are described as they were made."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from parity.base.difference import PARTS, Difference, difference_of
from parity.report.wording import difference_text

Array = np.ndarray
SHAPE = (2, 6, 8, 8)


def drawn(*shape: int) -> Array:
    return np.random.default_rng(0).standard_normal(shape)


def found(expected: Array, actual: Array, limit: float = 1e-9) -> Difference:
    difference = difference_of(expected, actual, limit)
    assert difference is not None
    return difference


def injected(*place: int | slice) -> Difference:
    expected = drawn(*SHAPE)
    actual = expected.copy()
    actual[place] += 1.0
    return found(expected, actual)


ALL = slice(None)
EVEN = slice(None, None, 2)
OF = "of (2, 6, 8, 8)"


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ((ALL, 5), f"128 of 768 elements {OF}, at index 5 of axis 1"),
        ((1,), f"384 of 768 elements {OF}, at index 1 of axis 0"),
        ((ALL, ALL, 3), f"96 of 768 elements {OF}, at index 3 of axis 2"),
        ((0, 2), f"64 of 768 elements {OF}, at index 0 of axis 0 and at index 2 of axis 1"),
        ((1, 2, 3, 4), f"1 of 768 elements {OF}, at (1, 2, 3, 4)"),
        (
            (ALL, slice(2, 4)),
            f"256 of 768 elements {OF}, at indices 2 to 3 of axis 1, block 2 of 3",
        ),
        ((ALL, slice(1, 6)), f"640 of 768 elements {OF}, at indices 1 to 5 of axis 1"),
        (
            (ALL, ALL, ALL, slice(1, None, 2)),
            f"384 of 768 elements {OF}, in steps of 2 along axis 3, from index 1",
        ),
        ((ALL, [0, 4]), f"256 of 768 elements {OF}, at indices 0 and 4 of axis 1"),
        ((ALL, ALL, [0, 1, 5]), f"288 of 768 elements {OF}, at 3 of 8 indices of axis 2"),
        ((), f"all 768 elements {OF}"),
        ((ALL, ALL, ALL, [0, 7]), f"192 of 768 elements {OF}, at the border of axis 3, 1 wide"),
    ],
)  # fmt: skip
def test_a_slice_is_named(place: tuple[int | slice, ...], text: str) -> None:
    assert difference_text(injected(*place)) == text


@pytest.mark.parametrize(
    ("kernel", "mode", "border"),
    [
        (3, "reflect", ((0, 0), (0, 0), (1, 1), (1, 1))),
        (5, "circular", ((0, 0), (0, 0), (2, 2), (2, 2))),
    ],
)
def test_another_padding_of_a_convolution_is_at_the_border(
    kernel: int, mode: str, border: tuple[tuple[int, int], ...]
) -> None:
    x, weight = (torch.from_numpy(drawn(*s)) for s in ((2, 3, 12, 12), (4, 3, kernel, kernel)))
    width = kernel // 2
    expected = F.conv2d(x, weight, padding=width)
    actual = F.conv2d(F.pad(x, (width,) * 4, mode=mode), weight)
    difference = found(expected.numpy(), actual.numpy())
    assert difference.border == border
    assert difference.count == 2 * 4 * (12**2 - (12 - 2 * width) ** 2)
    assert f"at the border of axes 2 and 3, {width} wide" in difference_text(difference)


def test_a_padding_at_the_end_alone_has_a_border_there_alone() -> None:
    x, weight = torch.from_numpy(drawn(1, 2, 9, 9)), torch.from_numpy(drawn(2, 2, 2, 2))
    expected = F.conv2d(F.pad(x, (0, 1, 0, 1)), weight)
    actual = F.conv2d(F.pad(x, (0, 1, 0, 1), mode="replicate"), weight)
    difference = found(expected.numpy(), actual.numpy())
    assert difference.border == ((0, 0), (0, 0), (0, 1), (0, 1))
    assert "at the border of axes 2 and 3, 0 + 1 and 0 + 1 wide" in difference_text(difference)


def test_one_head_of_an_attention_is_one_block_of_its_output() -> None:
    q, k, v = (torch.from_numpy(drawn(2, 4, 5, 3) + i) for i in range(3))
    heads = F.scaled_dot_product_attention(q, k, v)
    other = heads.clone()
    other[:, 2] = F.scaled_dot_product_attention(q, k, v.flip(2))[:, 2]
    assert found(heads.numpy(), other.numpy()).axes[1].first == 2
    joined = [x.transpose(1, 2).flatten(2).numpy() for x in (heads, other)]
    text = difference_text(found(*joined))
    assert "of (2, 5, 12), at indices 6 to 8 of axis 2, block 3 of 4" in text


def test_what_lies_in_no_pattern_is_spread_over_all_axes() -> None:
    expected = drawn(4, 50)
    difference = found(np.maximum(expected, 0), np.where(expected > 0, expected, expected / 10))
    assert difference.border is None
    assert difference_text(difference).endswith("elements of (4, 50), spread over all axes")
    assert difference.count == (expected < 0).sum()


def test_the_largest_difference_is_given_with_both_values() -> None:
    expected = drawn(3, 4)
    actual = expected + 0.1
    actual[2, 1] = 7.0
    difference = found(expected, actual)
    assert difference.index == (2, 1)
    assert difference.values == (expected[2, 1], 7.0)


def test_what_is_within_the_limit_does_not_count() -> None:
    expected = drawn(3, 4)
    assert difference_of(expected, expected + 0.5, 0.6) is None
    actual = expected + 0.5
    actual[0] += 1
    assert found(expected, actual, 0.6).count == 4


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_on_one_side_differs_and_the_same_on_both_does_not(
    value: float,
) -> None:
    expected = drawn(3, 4)
    expected[0] = value
    actual = expected.copy()
    actual[2, 3] = value
    difference = found(expected, actual, np.finfo(float).max)
    assert (difference.count, difference.index) == (1, (2, 3))


@pytest.mark.parametrize("cast", [np.int64, np.bool_, np.complex64, np.float32])
def test_every_dtype_is_described(cast: type) -> None:
    expected = np.ones((3, 4), cast)
    actual = expected.copy()
    actual[1] = 0
    difference = found(expected, actual, 0.0)
    assert (difference.count, difference.axes[0].first) == (4, 1)
    assert (difference.values is None) == (cast is np.complex64)


def test_a_number_has_no_axes() -> None:
    difference = found(np.array(1.0), np.array([2.0]))
    assert (difference.shape, difference.index, difference.axes) == ((), (), ())
    assert difference_text(difference) == "its only element"


@given(
    shape=st.lists(st.integers(1, 40), min_size=1, max_size=3), seed=st.integers(0, 99),
    share=st.floats(0.01, 1.0),
)  # fmt: skip
def test_profiles_hold_all_that_differs(shape: list[int], seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    differs = rng.random(shape) < share
    difference = difference_of(np.zeros(shape), differs * 1.0, 0.5)
    if difference is None:
        assert not differs.any()
        return
    assert difference.count == differs.sum()
    for number, axis in enumerate(difference.axes):
        parts = np.array_split(np.moveaxis(differs, number, 0), min(PARTS, shape[number]))
        assert axis.profile == pytest.approx([part.mean() for part in parts], rel=1e-2)
        places = np.unique(np.nonzero(differs)[number])
        assert (axis.first, axis.last, axis.count) == (places[0], places[-1], len(places))
        if axis.step:
            assert set(np.diff(places)) <= {axis.step}
    if difference.border is not None:
        widths = zip(difference.border, shape, strict=True)
        assert not differs[tuple(slice(a, n - b) for (a, b), n in widths)].any()


@pytest.mark.parametrize("change", [lambda x: x[:, :1] + 0 * x, lambda x: -x])
def test_the_description_of_a_large_tensor_is_small(change: Callable[[Array], Array]) -> None:
    difference = found(x := drawn(64, 512), change(x))
    assert all(len(axis.profile) == PARTS for axis in difference.axes)


def test_texts_have_no_size_of_a_difference() -> None:
    assert difference_of(np.array("a"), np.array("b"), 0.0) is None
