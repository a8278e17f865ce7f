"""Building blocks of edits that are written once for modules of both frameworks.

Tensors of PyTorch and Jittor share most methods (`reshape`, `permute`, `tanh`, `clamp`, `detach`);
the differences that the edits meet are here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from audit.lazy_jittor import jt

Call = Callable[..., Any]


def replace_call(module: Any, function: Call) -> None:
    """Make a module of either framework compute `function` when it is called.

    The original signature is kept, for the names of a module's parameters label its inputs.
    """
    name = _call_name(module)
    signature = inspect.signature(getattr(module, name))

    def replacement(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        return function(*bound.args, **bound.kwargs)

    vars(replacement)["__signature__"] = signature
    setattr(module, name, replacement)


def wrap_call(module: Any, wrap: Callable[[Call], Call]) -> None:
    """Replace what a module computes by a function of what it computed before."""
    replace_call(module, wrap(getattr(module, _call_name(module))))


def _call_name(module: Any) -> str:
    return "forward" if isinstance(module, torch.nn.Module) else "execute"


def functional(module: Any) -> Any:
    """Return the namespace of a module's framework: `torch.nn.functional` or `jittor.nn`."""
    return torch.nn.functional if isinstance(module, torch.nn.Module) else jt.nn


def concatenate(tensors: Sequence[Any], axis: int) -> Any:
    """Concatenate tensors of either framework."""
    join = torch.cat if isinstance(tensors[0], torch.Tensor) else jt.concat
    return join(list(tensors), axis)


def like(array: np.ndarray[Any, Any], example: Any) -> Any:
    """Return an array in the kind and dtype of a torch tensor, a Jittor variable or an array."""
    array = np.ascontiguousarray(array)
    if isinstance(example, torch.Tensor):
        return torch.from_numpy(array).to(example.dtype)
    if isinstance(example, np.ndarray):
        return array.astype(example.dtype)
    return jt.array64(array).cast(example.dtype)
