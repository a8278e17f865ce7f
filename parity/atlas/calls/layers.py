"""Tells how a layer of `torch.nn` was built, from its attributes."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Any

from parity.atlas.calls.use import Layer

# Modules that only hold others, or give back what they are given.
CONTAINERS = {
    "Module", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict",
}  # fmt: skip
# Arguments of constructors that say where a tensor lies, or which PyTorch keeps under another name.
# Names of what `torch.nn.utils.weight_norm` and `spectral_norm` keep in place of a weight.
REPARAMETRISED = {"weight_g", "weight_v", "weight_u", "weight_orig"}
# `inplace` changes no result.
NOT_KEPT = {"device", "dtype", "_weight", "_freeze", "inplace"}


def is_layer(module: Any) -> bool:
    """Tell whether a module is one of `torch.nn` itself that computes something."""
    kind = type(module)
    is_own = kind.__module__.startswith("torch.nn.modules.")
    return is_own and kind.__name__ not in CONTAINERS and _public(kind)


def _public(kind: type) -> bool:
    return getattr(sys.modules["torch.nn"], kind.__name__, None) is kind


def as_layer(module: Any, state: Mapping[str, Any]) -> tuple[Layer, dict[str, Any]] | str:
    """Return how to build a layer, and its tensors by the names that they get as inputs.

    Args:
        module: of `torch.nn`.
        state: its parameters and float buffers, by path inside it.

    Returns:
        (layer, tensors by input name); or why it cannot be built again.
    """
    if REPARAMETRISED & {path.rpartition(".")[2] for path in state}:
        return "weight_norm or spectral_norm makes its weight; Jittor has neither: write it by hand"
    required: dict[str, Any] = {}
    optional: dict[str, Any] = {}
    for name, parameter in _arguments(type(module)).items():
        has_default = parameter.default is not inspect.Parameter.empty
        found, value = _attribute(module, name)
        if not found and not has_default:
            return f"its argument {name} is not kept by the layer"
        if not has_default:
            required[name] = value
        elif found and value != parameter.default:
            optional[name] = value
    if getattr(module, "mode", "") == "RNN_RELU":  # taken out of `**kwargs`
        optional["nonlinearity"] = "relu"
    values = [*required.values(), *optional.values()]
    if not all(_is_plain(value) for value in values):
        return "it was built with an object"
    names = {path: path.replace(".", "_") for path in state}
    own = dict(module.named_parameters())
    layer = Layer(
        constructor=required | optional,
        required=len(required),
        training=module.training,
        parameters={path: name for path, name in names.items() if path in own},
        buffers={path: name for path, name in names.items() if path not in own},
    )
    return layer, {names[path]: tensor for path, tensor in state.items()}


def _arguments(kind: type) -> dict[str, inspect.Parameter]:
    """Return the arguments of a constructor, and those that it passes on to its base class."""
    found: dict[str, inspect.Parameter] = {}
    for base in kind.__mro__:
        if "__init__" not in vars(base):
            continue
        own = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        if base is not kind:
            own = [p for p in own if p.name != "mode"]  # what LSTM, GRU and RNN pass on themselves
        variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        found |= {
            p.name: p for p in own if p.kind not in variadic and p.name not in {*found, *NOT_KEPT}
        }
        if not any(p.kind in variadic for p in own):
            break
    return found


def _attribute(module: Any, name: str) -> tuple[bool, Any]:
    """Return (whether there is one, an argument of the constructor as the layer keeps it)."""
    torch = sys.modules["torch"]
    if name == "bias" and hasattr(module, "in_proj_bias"):
        return True, module.in_proj_bias is not None
    if not hasattr(module, name):
        return False, None
    value = getattr(module, name)
    if name == "bias":
        return True, value is not None and value is not False
    return not isinstance(value, torch.Tensor), value


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))
