"""Each signature is found in what it was made from, and none in what is merely different."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from parity.diagnose.signatures import signature

Array = np.ndarray


def drawn(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (lambda r: r * 0, "zero everywhere"),
        (lambda r: r * 0 + 3, "3 everywhere"),
        (lambda r: -r, "the sign is reversed"),
        (lambda r: r * 0.999, "the reference's times 0.999"),
        (lambda r: r / 4, "times 0.25, which is 1/4"),
        (lambda r: r * np.sqrt(6), "which is sqrt(6)"),
        (lambda r: r + 0.5, "the reference's plus 0.5"),
        (lambda r: 2 * r + 0.5, "times 2 plus 0.5"),
        (lambda r: r.transpose(0, 2, 1), "its axes are in the order (0, 2, 1)"),
        (lambda r: r[:, ::-1], "reversed along axis 1"),
        (lambda r: np.roll(r, 1, 2), "shifted by +1 along axis 2: off by one"),
        (lambda r: np.roll(r, 3, 1), "the two halves of axis 1 are swapped"),
        (lambda r: r[[2, 0, 3, 1]], "the same numbers in another order"),
        (lambda r: r + drawn(1, 6, 1, seed=5), "each index of axis 1 has its own offset"),
        (lambda r: r * drawn(1, 6, 1, seed=5), "each index of axis 1 has its own factor"),
        (lambda r: np.clip(r, -1, 1.5), "clamped to at most 1.5 and at least -1"),
        (lambda r: r.astype(np.float16).astype(float), "float16's"),
        (lambda r: r.astype(np.float32).astype(float), "float32's"),
        (lambda r: torch.from_numpy(r).bfloat16().double().numpy(), "bfloat16's"),
    ],
)
def test_a_transformation_is_named(fault: Callable[[Array], Array], text: str) -> None:
    r = drawn(4, 6, 6)
    assert text in signature(r, fault(r), {})


def test_a_residual_connection_is_named() -> None:
    x, h = drawn(3, 5), drawn(3, 5, seed=1)
    nearby = {"the input of block": x, "the output of conv": h}
    assert "without the input of block: a residual" in signature(x + h, h, nearby)
    assert "one more of the input of block" in signature(h, x + h, nearby)
    assert "it is the output of conv, unchanged" in signature(np.sin(h), h, nearby)
    assert "a product is missing" in signature(x * h, h, nearby)


@pytest.mark.parametrize(
    ("reference", "candidate", "names"),
    [
        (F.relu, F.silu, ("SiLU", "ReLU")),
        (F.gelu, lambda x: F.gelu(x, approximate="tanh"), ("GELU (tanh)", "GELU (erf)")),
        (F.tanh, F.sigmoid, ("sigmoid", "tanh")),
        (F.softplus, F.mish, ("Mish", "softplus")),
        (F.elu, lambda x: F.leaky_relu(x, 0.2), ("LeakyReLU with slope 0.2", "ELU")),
        (F.hardswish, F.relu6, ("ReLU6", "hard swish")),
        (F.relu6, lambda x: x, ("unchanged", "")),
        (
            lambda x: F.softmax(x, 1),
            lambda x: F.softmax(x, 2),
            ("softmax of x over axis 2", "over 1"),
        ),
    ],
)
def test_another_function_is_named(
    reference: Callable[..., torch.Tensor],
    candidate: Callable[..., torch.Tensor],
    names: tuple[str, str],
) -> None:
    x = torch.from_numpy(drawn(2, 5, 7)) * 3
    found = signature(reference(x).numpy(), candidate(x).numpy(), {"x": x.numpy()})
    assert all(name in found for name in names), found


@given(st.integers(0, 1000))
def test_an_unrelated_tensor_resembles_nothing(seed: int) -> None:
    nearby = {"x": drawn(3, 4, 4, seed=seed + 2000)}
    assert signature(drawn(3, 4, 4, seed=seed), drawn(3, 4, 4, seed=seed + 1000), nearby) == ""


@given(st.integers(0, 1000), st.floats(1e-6, 1e-3))
def test_a_signature_with_a_disturbance_is_not_offered(seed: int, size: float) -> None:
    r, noise = drawn(3, 4, 4, seed=seed), drawn(3, 4, 4, seed=seed + 1000)
    assert signature(r, 1.5 * r + size * noise, {}) == ""


@pytest.mark.parametrize("extreme", [np.inf, np.nan, 3.4e38, 1e200, -1e308])
def test_numbers_past_what_products_hold_resemble_nothing(extreme: float) -> None:
    ordinary = np.random.default_rng(0).standard_normal((3, 4))
    wrong = ordinary.copy()
    wrong[1, 2] = extreme
    for reference, candidate in ((ordinary, wrong), (wrong, ordinary)):
        assert signature(reference, candidate, {"x": ordinary}) == ""


def test_rounding_resembles_nothing() -> None:
    reference = np.random.default_rng(0).standard_normal((3, 4))
    assert signature(reference, reference * (1 + 1e-12), {}) == ""


def test_a_factor_next_to_one_keeps_its_digits() -> None:
    reference = np.random.default_rng(0).standard_normal((3, 4))
    text = signature(reference, reference * (1 + 3e-7), {})
    assert text == "it is the reference's times 1 + 3e-07"
    assert "1 - 3e-07" in signature(reference, reference * (1 - 3e-7), {})


def test_values_that_happen_to_be_float32s_are_no_cast() -> None:
    """A missing dropout passes on what it was given, float32 values."""
    x = np.random.default_rng(0).standard_normal((30, 40)).astype(np.float32).astype(np.float64)
    dropped = np.where(np.random.default_rng(1).random(x.shape) < 0.5, 0, x / 0.3)
    assert "cast" not in signature(dropped, x, {})
    assert "cast" in signature(x / 3, (x / 3).astype(np.float32).astype(np.float64), {})
