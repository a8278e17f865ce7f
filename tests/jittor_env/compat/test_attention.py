"""Attention agrees with PyTorch's, also where everything is masked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from jittor_env.compat import attention
from tests.jittor_env.compat.comparison import agrees, compared, error, jt

RNG = np.random.default_rng(0)
Q, K, V = (RNG.standard_normal((2, 3, n, 4)) for n in (5, 6, 6))
MASK = RNG.random((5, 6)) < 0.7
MASK[2] = False  # a query without a key
ADDED = np.where(MASK, RNG.standard_normal((5, 6)), -np.inf)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_scaled_dot_product_attention_is_pytorchs(dtype: str) -> None:
    def pair(**options: Any) -> list[Any]:
        name = "scaled_dot_product_attention"
        return [lambda q, k, v, *m, f=f: getattr(f, name)(q, k, v, *m, **options)
                for f in (F, attention)]  # fmt: skip

    assert error(*pair(), Q, K, V, dtype=dtype) < 32
    assert error(*pair(is_causal=True), Q, K, V, dtype=dtype) < 32
    assert error(*pair(scale=0.3), Q, K, V, MASK, dtype=dtype) < 32
    fixed = [lambda q, k, v, m, f=f: f(q, k, v, m.detach()) for f in pair()]
    assert error(*fixed, Q, K, V, ADDED, dtype=dtype) < 32


def test_jittors_own_has_no_boolean_masks_and_is_nan_without_a_key() -> None:
    q, k, v = (jt.array(x.astype(np.float32)) for x in (Q, K, V))
    with pytest.raises(UnboundLocalError):
        jt.attention.scaled_dot_product_attention(q, k, v, jt.array(MASK))
    own = jt.attention.scaled_dot_product_attention(q, k, v, jt.array(ADDED.astype(np.float32)))
    assert np.isnan(own.numpy()[:, :, 2]).all()


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "defaults": ({}, {}),
    "batch first, weights of heads": ({"batch_first": True}, {"average_attn_weights": False}),
    "other sizes, no bias": ({"kdim": 4, "vdim": 6, "bias": False}, {"need_weights": False}),
    "dropout": ({"dropout": 0.4}, {}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_layer_agrees_with_pytorchs(name: str) -> None:
    settings, options = CASES[name]
    sizes = [settings.get("kdim", 8), settings.get("vdim", 8)]

    def inputs(rng: np.random.Generator) -> dict[str, Any]:
        q, k, v = (rng.standard_normal((3, 3, n), np.float32) for n in (8, *sizes))
        hidden = np.zeros((3, 3), bool)
        hidden[0, 2] = True
        added = rng.standard_normal((3, 3)).astype(np.float32)
        named = {"query": q, "key": k, "value": v, "attn_mask": added, **options}
        return named if name == "defaults" else {**named, "key_padding_mask": hidden * -1.0e4}

    def reference() -> Any:
        layer = nn.MultiheadAttention(8, 2, **settings)
        if layer.in_proj_bias is not None:
            nn.init.normal_(layer.in_proj_bias)
        return layer

    report = compared(
        reference,
        lambda: attention.MultiheadAttention(8, 2, **settings),
        inputs,
        stress_inputs=("plain", "large magnitude"),
    )
    assert agrees(report), str(report)


def both(need_weights: bool) -> list[Any]:
    torch.manual_seed(0)
    reference = nn.MultiheadAttention(8, 2)
    ported = attention.MultiheadAttention(8, 2)
    ported.load_state_dict(reference.state_dict())
    assert {*ported.state_dict()} == {*reference.state_dict()}
    x = RNG.standard_normal((3, 2, 8)).astype(np.float32)
    hidden = np.array([[False, True, False], [True, True, True]])
    options = {"need_weights": need_weights}
    first = reference(*[torch.from_numpy(x)] * 3, torch.from_numpy(hidden), **options)
    second = ported(*[jt.array(x)] * 3, jt.array(hidden), **options)
    return [first[0].detach().numpy(), second[0].numpy()]


@pytest.mark.parametrize("need_weights", [True, False])
def test_a_query_without_a_key_is_pytorchs(need_weights: bool) -> None:
    expected, actual = both(need_weights)
    assert np.isnan(expected[:, 1]).all() == need_weights
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_what_pytorch_refuses_is_refused() -> None:
    with pytest.raises(ValueError, match="divisible"):
        attention.MultiheadAttention(8, 3)
    q = jt.ones((1, 2, 4))
    with pytest.raises(RuntimeError, match="is_causal"):
        attention.scaled_dot_product_attention(q, q, q, jt.ones((2, 2)), is_causal=True)
