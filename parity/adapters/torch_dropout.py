"""Dropout in PyTorch whose random numbers come from the caller.

A function mode sees each call of `torch.nn.functional`, however it was imported, and changes
nothing outside its `with` block. It covers `dropout`, `dropout1d`, `dropout2d`, `dropout3d`,
`alpha_dropout`, `feature_alpha_dropout`, and `scaled_dot_product_attention` and
`multi_head_attention_forward` with dropout; so also the modules built on them. Dropout inside a
recurrent network (`nn.LSTM(dropout=...)`) happens in its kernel and is not covered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import FunctionType
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from parity.adapters.protocol import DropoutSource

# The negative limit of SELU, which alpha dropout sets dropped elements to (Klambauer et al. 2017).
ALPHA = -1.7580993408473766
# Dropout of channels -> the number of dimensions of an input without a batch; None: it has always
# one.
OF_CHANNELS: Mapping[Any, int | None] = {F.dropout1d: 2, F.dropout2d: None, F.dropout3d: 4}


class DropoutFrom(TorchFunctionMode):
    """Takes the random numbers of dropout from a source.

    Args:
        source: (shape) -> uniform numbers in [0, 1) of that shape; an element is dropped where its
            number is below the rate. Called once for each call of a dropout function.
    """

    def __init__(self, source: DropoutSource) -> None:
        super().__init__()
        dropout = partial(_dropout, source)
        attention = partial(_attention, source)
        self._replacements: dict[Any, Callable[..., Any]] = {
            F.dropout: dropout,
            **{
                function: partial(_channel_dropout, source, unbatched)
                for function, unbatched in OF_CHANNELS.items()
            },
            F.alpha_dropout: partial(_alpha_dropout, source, _elements),
            F.feature_alpha_dropout: partial(_alpha_dropout, source, _channels),
            F.multi_head_attention_forward: with_globals(
                F.multi_head_attention_forward,
                dropout=dropout,
                scaled_dot_product_attention=attention,
                _scaled_dot_product_attention=partial(_attention_of_1_13, source),
                # Another mode would be asked and call the function as it was.
                has_torch_function=lambda tensors: False,
            ),
        }
        if hasattr(F, "scaled_dot_product_attention"):  # since PyTorch 2.0
            self._replacements[F.scaled_dot_product_attention] = attention

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        function = self._replacements.get(func, func)
        return function(*args, **kwargs) if kwargs else function(*args)


def with_globals(function: Callable[..., Any], **names: Any) -> Callable[..., Any]:
    """Copy a function of `torch.nn.functional` that finds other functions under some names.

    A mode is off while it handles a call, so what the function calls itself would not be seen.
    """
    assert isinstance(function, FunctionType)
    copy = FunctionType(
        function.__code__,
        {**function.__globals__, **names},
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def _elements(x: torch.Tensor) -> tuple[int, ...]:
    return tuple(x.shape)


def _channels(x: torch.Tensor) -> tuple[int, ...]:
    return (*x.shape[:2], *[1] * (x.dim() - 2))


def channels_of(x: torch.Tensor, unbatched: int | None) -> tuple[int, ...]:
    """Return the shape of the numbers that decide which channels are dropped.

    Args:
        x: the input.
        unbatched: number of dimensions of an input without a batch; None if it has always one.
    """
    if x.dim() == unbatched:
        return (x.shape[0], *[1] * (x.dim() - 1))
    return _channels(x)


def _dropout(
    source: DropoutSource,
    input: torch.Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
) -> torch.Tensor:
    return _scaled(source, input, _elements(input), p, training, inplace)


def _channel_dropout(
    source: DropoutSource,
    unbatched: int | None,
    input: torch.Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
) -> torch.Tensor:
    """Drop channels: dimension 0 of an input of `unbatched` dimensions, else 0 and 1."""
    return _scaled(source, input, channels_of(input, unbatched), p, training, inplace)


def _alpha_dropout(
    source: DropoutSource,
    shape_of: Callable[[torch.Tensor], tuple[int, ...]],
    input: torch.Tensor,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
) -> torch.Tensor:
    if not _is_active(p, training):
        return input
    if p == 1:
        return input.mul_(0) if inplace else input * 0
    kept = _kept(source, input, shape_of(input), p)
    scale = 1 / math.sqrt((ALPHA**2 * p + 1) * (1 - p))
    offset = scale * ALPHA * ((1 - kept) - p)
    return input.mul_(kept * scale).add_(offset) if inplace else input * (kept * scale) + offset


def _attention(
    source: DropoutSource,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **newer: Any,
) -> torch.Tensor:
    """Compute attention as PyTorch documents it; without dropout, by PyTorch's own kernel.

    `newer` are arguments that older releases lack: `scale` (2.1) and `enable_gqa` (2.5).
    """
    if dropout_p == 0:
        return F.scaled_dot_product_attention(query, key, value, attn_mask, 0.0, is_causal, **newer)
    if newer.get("enable_gqa"):
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    weights = _attention_weights(query, key, attn_mask, is_causal, newer.get("scale"))
    return _dropout(source, weights, dropout_p) @ value


def _attention_of_1_13(
    source: DropoutSource,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    need_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Compute attention as `multi_head_attention_forward` of PyTorch 1.13 has it done."""
    weights = _attention_weights(query, key, attn_mask, is_causal, None)
    if dropout_p > 0:
        weights = _dropout(source, weights, dropout_p)
    return weights @ value, weights if need_attn_weights else None


def _attention_weights(
    query: torch.Tensor,
    key: torch.Tensor,
    attn_mask: torch.Tensor | None,
    is_causal: bool,
    scale: float | None,
) -> torch.Tensor:
    scores = query @ key.transpose(-2, -1) * (scale or query.shape[-1] ** -0.5)
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -torch.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return torch.softmax(scores, -1)


def _scaled(
    source: DropoutSource,
    x: torch.Tensor,
    shape: tuple[int, ...],
    p: float,
    training: bool,
    inplace: bool,
) -> torch.Tensor:
    """Set dropped elements to 0 and divide the others by 1 - p."""
    if not _is_active(p, training):
        return x
    kept = _kept(source, x, shape, p)
    rest = 1 - p or 1  # at p = 1 nothing is kept
    return x.mul_(kept).div_(rest) if inplace else x * kept / rest


def _is_active(p: float, training: bool) -> bool:
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    return training and p > 0


def _kept(source: DropoutSource, x: torch.Tensor, shape: tuple[int, ...], p: float) -> torch.Tensor:
    return torch.from_numpy(source(shape) >= p).to(x)
