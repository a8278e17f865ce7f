"""Tells of the random numbers that PyTorch draws in a training loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from parity.adapters.torch_dropout import OF_CHANNELS, channels_of, with_globals
from parity.adapters.torch_random import DRAWS
from parity.steps.frameworks.protocol import Listener
from parity.steps.step_data import DrawFamily

_FAMILIES: dict[Any, DrawFamily] = {
    **{
        function: getattr(function, "__name__", "other")
        for function in DRAWS
        if function not in (F.gumbel_softmax, F.rrelu)
    },
    **dict.fromkeys((torch.rand, torch.rand_like), "uniform"),
    **dict.fromkeys((torch.randn, torch.randn_like), "normal"),
    **dict.fromkeys((torch.randint, torch.randint_like), "integers"),
    torch.randperm: "permutation",
}
# Its result has a gradient, so that only what it draws inside can be replaced.
_GUMBEL_SOFTMAX = with_globals(F.gumbel_softmax, has_torch_function_unary=lambda *_: False)
# Functions that draw numbers of a range or scale: what they are without one.
_STANDARD = {
    torch.Tensor.uniform_: ("uniform", ("from", "to")),
    torch.Tensor.normal_: ("normal", ("mean", "std")),
}
# The number of a kept element in what is recorded of dropout; a dropped one has 0.
_KEPT = 1 - 2.0**-24
_CHANNELS = {**OF_CHANNELS, F.feature_alpha_dropout: None}
_ALPHA = (F.alpha_dropout, F.feature_alpha_dropout)
_DROPOUT = (F.dropout, *_CHANNELS, F.alpha_dropout)
_ATTENTION = getattr(F, "scaled_dot_product_attention", None)  # since PyTorch 2.0
_ATTENTION_OF_1_13 = getattr(F, "_scaled_dot_product_attention", None)


class Draws(TorchFunctionMode):
    """Tells of random numbers that PyTorch draws."""

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener
        self.is_wanted = True
        self._own: dict[Any, Callable[..., Any]] = {
            **{function: partial(self._dropout, function) for function in _DROPOUT},
            F.multi_head_attention_forward: with_globals(
                F.multi_head_attention_forward,
                dropout=partial(self._dropout, F.dropout),
                scaled_dot_product_attention=partial(self._attention, _ATTENTION),
                _scaled_dot_product_attention=partial(self._attention, _ATTENTION_OF_1_13),
                # Another mode would be asked and call the function as it was.
                has_torch_function=lambda tensors: False,
            ),
        }
        if _ATTENTION is not None:
            self._own[_ATTENTION] = partial(self._attention, _ATTENTION)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not self.is_wanted:
            return func(*args, **kwargs)
        if func in self._own:
            return self._own[func](*args, **kwargs)
        if func is F.gumbel_softmax:
            with self:  # a mode is off while it handles a call
                return _GUMBEL_SOFTMAX(*args, **kwargs)
        result = func(*args, **kwargs)
        family = _FAMILIES.get(func)
        if family is None:
            return result
        if func in _STANDARD:
            family = _family_of(func, args[1:], kwargs)
        drawn = self._listener.draw(family, result)
        if drawn is not result and family.endswith("_"):
            with torch.no_grad():
                return result.copy_(drawn)
        return drawn

    def _dropout(self, function: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Tell which elements, or channels, a function of dropout drops."""
        given = inspect.signature(function).bind(*args, **kwargs)
        given.apply_defaults()
        x, p = given.arguments["input"], given.arguments["p"]
        if not given.arguments["training"] or not 0 < p < 1:
            result: torch.Tensor = function(*args, **kwargs)
            return result
        # Of zeros, alpha dropout makes positive numbers where it keeps, negative ones elsewhere.
        shown = torch.zeros_like(x) if function in _ALPHA else torch.ones_like(x)
        kept = self._ahead(x.device, lambda: function(shown, p, True) > 0)
        if function in _CHANNELS:
            kept = kept[tuple(slice(n) for n in channels_of(x, _CHANNELS[function]))]
        result = function(*args, **kwargs)
        self._listener.draw("dropout", kept * _KEPT)
        return result

    def _attention(self, function: Any, query: Any, key: Any, *args: Any, **kwargs: Any) -> Any:
        """Tell which weights attention drops; its kernel on a CPU drops as `F.dropout` does."""
        names = ("value", "attn_mask", "dropout_p")
        p = {**dict(zip(names, args, strict=False)), **kwargs}.get("dropout_p", 0.0)
        if not 0 < p < 1 or query.device.type != "cpu":
            return function(query, key, *args, **kwargs)
        shape = (*query.shape[:-1], key.shape[-2])
        ones = torch.ones(shape, dtype=query.dtype)
        kept = self._ahead(query.device, lambda: F.dropout(ones, p, True) > 0)
        result = function(query, key, *args, **kwargs)
        self._listener.draw("dropout", kept * _KEPT)
        return result

    def _ahead(self, device: torch.device, draw: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Return what would be drawn next, and leave the generator as it was."""
        before = _generator_state(device)
        with torch.no_grad():
            drawn = draw()
        _put_back(device, before)
        return drawn


def _family_of(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> DrawFamily:
    """Return the kind of numbers that fill a tensor; the name ends in `_`, as the function's."""
    family, names = _STANDARD[func]
    given = (0.0, 1.0) if not args else (*args, 1.0)[:2]
    low, high = (kwargs.get(name, value) for name, value in zip(names, given, strict=True))
    return f"{family}_" if (low, high) == (0.0, 1.0) else f"{family}({low}, {high})_"


def _generator_state(device: torch.device) -> torch.Tensor:
    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    return torch.get_rng_state()


def _put_back(device: torch.device, state: torch.Tensor) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)
