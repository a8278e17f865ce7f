"""Refuses models whose weights cannot be set: not yet there, or where the framework misses them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from parity.errors import CannotCompare


def require_usable(side: Any, role: str) -> None:
    """Refuse a model with lazy parameters, with tensors on the meta device, or with hidden layers.

    Layers in a plain list, tuple or dict belong to no module: neither framework lists their
    weights, trains them, or saves them.

    Args:
        side: its adapter.
        role: of the side.

    Raises:
        CannotCompare: it is one of these; the text says what to do.
    """
    for path, tensor in {**side.parameters(), **side.buffers()}.items():
        if type(tensor).__name__ in ("UninitializedParameter", "UninitializedBuffer"):
            raise CannotCompare(
                f"the {role}'s {path!r} is lazy and has no shape yet: call the model once in the "
                "builder"
            )
        if getattr(tensor, "is_meta", False):
            raise CannotCompare(
                f"the {role}'s {path!r} is on the meta device and has no values: build the model "
                "on a device, or use to_empty in the builder"
            )
    modules = side.modules()
    kind = _module_class(side)
    if kind is None:
        return
    known = {id(module) for module in modules.values()}
    for path, module in modules.items():
        for name, hidden in _hidden(module, kind, known):
            raise CannotCompare(
                f"the {role} keeps layers in a plain {hidden}, {_joined(path, name)!r}, which "
                f"{side.framework} does not register: it neither lists nor trains their weights; "
                "use a ModuleList or ModuleDict"
            )


def _module_class(side: Any) -> type | None:
    """Return the class of which all modules of the framework are."""
    for base in type(side.module).__mro__:
        if base.__name__ == "Module" and base.__module__.split(".")[0] == side.framework:
            return base
    return None


def _hidden(module: Any, kind: type, known: set[int]) -> Iterator[tuple[str, str]]:
    """Yield (name, type) of attributes with layers in them that have weights of their own."""
    for name, value in list(vars(module).items()):
        if name.startswith("_") or not isinstance(value, (list, tuple, dict)):
            continue
        items = value.values() if isinstance(value, Mapping) else value
        for item in items:
            is_layer = isinstance(item, kind) and id(item) not in known
            if is_layer and any(True for _ in item.parameters()):
                yield name, type(value).__name__
                break


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
