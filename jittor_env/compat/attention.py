"""Attention with PyTorch's arguments, parameters and masks.

Jittor's own, in `jittor.attention`, raises UnboundLocalError for a boolean mask of
`scaled_dot_product_attention`, and returns NaN wherever a query has no key.
"""

from __future__ import annotations

import math
from typing import Any

import jittor as jt
import numpy as np

from jittor_env.compat.dropouts import dropout
from jittor_env.compat.functional.normalizing import softmax
from jittor_env.compat.numerics import constant, require_float, require_same_dtype

_HIDDEN = -float("inf")


def _additive(mask: Any, like: Any) -> Any:
    """Return a mask that is added to scores; a boolean one hides where it is true."""
    if mask.dtype.is_float():
        return mask
    return jt.ternary(
        mask.bool(), jt.full_like(mask.cast(like.dtype), _HIDDEN), 0 * mask.cast(like.dtype)
    )


def _causal(rows: int, columns: int) -> Any:
    return jt.array(np.triu(np.ones((rows, columns), bool), 1))


def _scores(query: Any, key: Any, mask: Any, scale: float) -> Any:
    scores = jt.matmul(query * constant(scale, query), key.transpose(-2, -1))
    return scores if mask is None else scores + mask


def _safe_softmax(scores: Any) -> Any:
    """Return softmax over the last dimension, and zeros where everything is hidden."""
    is_hidden = (scores != _HIDDEN).sum(-1, keepdims=True) == 0
    open_scores = jt.ternary(is_hidden.broadcast(scores), jt.zeros_like(scores), scores)
    weights = softmax(open_scores, -1)
    return jt.ternary(is_hidden.broadcast(scores), jt.zeros_like(scores), weights)


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Any:
    """`torch.nn.functional.scaled_dot_product_attention`.

    Args:
        query: (N, ..., L, E), floating.
        key: (N, ..., S, E), of its dtype.
        value: (N, ..., S, V), of its dtype.
        attn_mask: broadcasts with (N, ..., L, S); boolean, true where a key takes part, or added to
            the scores. A query without a key has the output 0.
        dropout_p: share of the weights that is dropped, in evaluation too.
        is_causal: whether a query sees no later keys; without a mask only.
        scale: of the scores; None for 1 / sqrt(E).

    Raises:
        RuntimeError: dtypes differ or are integers, or there is a mask and `is_causal`.
    """
    require_float("scaled_dot_product_attention", query)
    require_same_dtype("scaled_dot_product_attention", query, key, value)
    if is_causal and attn_mask is not None:
        raise RuntimeError("Explicit attn_mask should not be set when is_causal=True")
    mask = None
    if is_causal:
        mask = _additive(_causal(query.shape[-2], key.shape[-2]), query)
    elif attn_mask is not None:
        is_float = attn_mask.dtype.is_float()
        mask = attn_mask if is_float else _additive(jt.logical_not(attn_mask), query)
    weights = _safe_softmax(_scores(query, key, mask, scale or 1 / math.sqrt(query.shape[-1])))
    return jt.matmul(dropout(weights, dropout_p) if dropout_p else weights, value)


class MultiheadAttention(jt.nn.Module):
    """`torch.nn.MultiheadAttention`, without `add_bias_kv` and `add_zero_attn`.

    Attributes:
        in_proj_weight: (3 E, E), of queries, keys and values one after the other; or, where keys or
            values have other sizes, q_proj_weight, k_proj_weight and v_proj_weight.
        in_proj_bias: (3 E,), or None.
        out_proj: the last layer.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
    ) -> None:
        if embed_dim % num_heads:
            raise ValueError(f"embed_dim={embed_dim} must be divisible by num_heads={num_heads}")
        self.embed_dim, self.num_heads, self.dropout = embed_dim, num_heads, dropout
        self.batch_first, self.is_train = batch_first, True
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self._one_weight = self.kdim == self.vdim == embed_dim
        if self._one_weight:
            self.in_proj_weight = _xavier(3 * embed_dim, embed_dim)
        else:
            self.q_proj_weight = _xavier(embed_dim, embed_dim)
            self.k_proj_weight = _xavier(embed_dim, self.kdim)
            self.v_proj_weight = _xavier(embed_dim, self.vdim)
        self.in_proj_bias = jt.zeros(3 * embed_dim) if bias else None
        self.out_proj = jt.nn.Linear(embed_dim, embed_dim, bias)
        if bias:
            self.out_proj.bias = jt.zeros(embed_dim)

    def _projected(self, inputs: tuple[Any, Any, Any]) -> list[Any]:
        """Return queries, keys and values, (N, H, length, E / H) each."""
        E = self.embed_dim
        if self._one_weight:
            weights = [self.in_proj_weight[i * E : (i + 1) * E] for i in range(3)]
        else:
            weights = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        found = []
        for i, (x, weight) in enumerate(zip(inputs, weights, strict=True)):
            bias = None if self.in_proj_bias is None else self.in_proj_bias[i * E : (i + 1) * E]
            y = jt.nn.linear(x, weight, bias)
            found.append(y.reshape((*y.shape[:2], self.num_heads, -1)).permute(0, 2, 1, 3))
        return found

    def _mask(self, attn_mask: Any, key_padding_mask: Any, like: Any) -> Any:
        """Return what is added to scores (N, H, L, S), or None."""
        N, masks = like.shape[0], []
        if attn_mask is not None:
            mask = _additive(attn_mask, like)
            if mask.ndim == 3:
                mask = mask.reshape((N, self.num_heads, *mask.shape[1:]))
            masks.append(mask)
        if key_padding_mask is not None:
            masks.append(_additive(key_padding_mask, like).reshape((N, 1, 1, -1)))
        return sum(masks[1:], masks[0]) if masks else None

    def execute(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
    ) -> tuple[Any, Any]:
        """Attend.

        Args:
            query: (L, N, E), (N, L, E) with `batch_first`, or (L, E) without a batch.
            key: likewise, S long.
            value: likewise, S long.
            key_padding_mask: (N, S); true hides a key, or it is added to the scores.
            need_weights: whether the weights are returned. A query whose keys are all hidden is
                then NaN, and otherwise attends to nothing, as in PyTorch.
            attn_mask: (L, S) or (N * H, L, S), likewise.
            average_attn_weights: over the heads.

        Returns:
            The output like `query`, and the weights, (N, L, S) or (N, H, L, S), or None.

        Raises:
            RuntimeError: dtypes differ or are integers.
        """
        require_float("MultiheadAttention", query)
        require_same_dtype("MultiheadAttention", query, key, value, self.out_proj.weight)
        inputs, is_batch = (query, key, value), query.ndim == 3
        if not is_batch:
            inputs = tuple(x.unsqueeze(0) for x in inputs)
            key_padding_mask = key_padding_mask and key_padding_mask.unsqueeze(0)
        elif not self.batch_first:
            inputs = tuple(x.permute(1, 0, 2) for x in inputs)
        q, k, v = self._projected(inputs)
        mask = self._mask(attn_mask, key_padding_mask, q)
        scores = _scores(q, k, mask, 1 / math.sqrt(q.shape[-1]))
        weights = softmax(scores, -1) if need_weights else _safe_softmax(scores)
        if self.dropout and self.is_training():
            heads = weights.reshape((-1, *weights.shape[2:])) if need_weights else weights
            weights = dropout(heads, self.dropout).reshape(weights.shape)
        N, H, L, _ = q.shape
        output = jt.matmul(weights, v).permute(0, 2, 1, 3).reshape((N, L, self.embed_dim))
        output = self.out_proj(output)
        if is_batch and not self.batch_first:
            output = output.permute(1, 0, 2)
        shown = weights.sum(1) / constant(H, weights) if average_attn_weights else weights
        if not is_batch:
            output, shown = output.squeeze(0), shown.squeeze(0)
        return output, shown if need_weights else None


def _xavier(rows: int, columns: int) -> Any:
    bound = math.sqrt(6 / (rows + columns))
    return jt.init.uniform((rows, columns), "float32", -bound, bound)
