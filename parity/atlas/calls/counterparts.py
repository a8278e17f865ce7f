"""Finds in Jittor what a porter would write for a use: the same call, then other spellings of it.

Nothing here says that a spelling is right: each is judged before it is shown.
"""

from __future__ import annotations

import inspect
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from parity.atlas.calls.sources import (
    BINARY,
    IN_PLACE,
    METHOD,
    PROPERTY,
    REFLECTED,
    UNARY,
    arguments,
    call,
    constructor,
    jittor_layer,
    text,
)
from parity.atlas.calls.use import Use

# Where Jittor may have a function or layer, in the order in which a porter looks.
FUNCTION_PLACES = ("jt.nn", "jt", "jt.misc", "jt.linalg", "jt.attention")
LAYER_PLACES = ("jt.nn", "jt", "jt.attention")
# Names of PyTorch's arguments -> names that Jittor has for them.
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "dim": ("dims", "axis"), "dims": ("dim",), "keepdim": ("keepdims",), "input": ("x", "output"),
    "min": ("min_v",), "max": ("max_v",), "size": ("shape",), "other": ("y", "b"),
    "negative_slope": ("scale",),
    "training": ("is_train",),
}  # fmt: skip
# Names of PyTorch -> names under which Jittor has the same.
RENAMED = {
    "cross_entropy": "cross_entropy_loss", "binary_cross_entropy": "bce_loss", "clip": "clamp",
    "square": "sqr", "neg": "negative", "concatenate": "concat", "remainder": "mod",
    "absolute": "abs", "logsigmoid": "log_sigmoid",
}  # fmt: skip
# Operators -> the functions that compute them.
FUNCTION_OF = {"__mod__": "remainder", "__floordiv__": "floor_divide"}
OPERATORS = {*BINARY, *REFLECTED, *IN_PLACE, *UNARY, "__getitem__", "__setitem__"}


class Sources(NamedTuple):
    """The Jittor sources of a use.

    Attributes:
        ways: the plainest first; none where Jittor lacks it. Of a layer that cannot be built again,
            the classes of that name.
        short: the plainest with PyTorch's defaults left out, where Jittor's are others; else empty.
        replacements: likewise, with what `jittor_env.compat` has in place of Jittor's own.
    """

    ways: Sequence[str]
    short: str = ""
    replacements: Sequence[str] = ()


def jittor_sources(use: Use, jt: Any, compat: Any = None) -> Sources:
    """Return what a porter may write in Jittor for a use.

    Args:
        use: of the model.
        jt: Jittor.
        compat: the package of drop-in replacements, if there is one.
    """
    if use.unbuilt:
        found = _found(use.name.removeprefix("torch.nn."), LAYER_PLACES, {"jt": jt})
        return Sources([written for written, _ in found])
    find = _layers if use.layer is not None else _functions
    ways = list(dict.fromkeys(find(use, jt)))
    short = next(iter(find(replace(use, defaults={}), jt)), "")
    replacements = [] if compat is None else list(_replacements(use, compat))
    return Sources(ways, short if short not in ways[:1] else "", replacements)


def _layers(use: Use, jt: Any) -> Iterator[str]:
    for written, kind in _found(use.name.removeprefix("torch.nn."), LAYER_PLACES, {"jt": jt}):
        yield from _built(use, written, kind)


def _built(use: Use, written: str, kind: Any) -> Iterator[str]:
    assert use.layer is not None
    optional = dict(list(use.layer.constructor.items())[use.layer.required :])
    for keywords in _keywords(optional, kind.__init__):
        yield jittor_layer(use, written, constructor(use, keywords))


def _functions(use: Use, jt: Any) -> Iterator[str]:
    method = use.name.removeprefix(METHOD)
    is_method = method != use.name
    if is_method and (method in OPERATORS or method.endswith(PROPERTY)):
        if not method.endswith(PROPERTY) or hasattr(jt.Var, method.removesuffix(PROPERTY)):
            yield call(use, use.name, "jittor")
        return
    name = method if is_method else use.name.rpartition(".")[2]
    places = ("jt.linalg", *FUNCTION_PLACES) if ".linalg." in use.name else FUNCTION_PLACES
    found = list(_found(name, places, {"jt": jt}))
    of_var = getattr(jt.Var, name, None)
    as_method = [(METHOD + name, of_var)] if of_var is not None and use.positional else []
    for written, function in [*as_method, *found] if is_method else [*found, *as_method]:
        yield from _called(use, written, function)
    if use.name.startswith("torch.nn.functional."):
        yield from _as_layer(use, name, jt)


def _called(use: Use, written: str, function: Any) -> Iterator[str]:
    for keywords in _keywords(use.keywords, function):
        spelled = _other_defaults(use.defaults, function)
        yield call(use, written, "jittor", {**keywords, **spelled})


def _replacements(use: Use, compat: Any) -> Iterator[str]:
    name = use.name.rpartition(".")[2]
    write = _called if use.layer is None else _built
    for written, found in _found(FUNCTION_OF.get(name, name), ("compat",), {"compat": compat}):
        yield from write(use, written, found)


def _as_layer(use: Use, name: str, jt: Any) -> Iterator[str]:
    """Yield the call of a layer of Jittor in place of a function of `torch.nn.functional`."""
    plain = name.replace("_", "")
    for kind in dir(jt.nn):
        if kind.lower() == plain and isinstance(getattr(jt.nn, kind), type) and use.positional:
            given = arguments(use.positional[1:], use.keywords, "jittor")
            yield f"jt.nn.{kind}({given})({text(use.positional[0], 'jittor')})"


def _found(
    name: str, places: tuple[str, ...], roots: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """Yield (name to write, object) for each place that has a function or class of a name."""
    seen: list[Any] = []
    for place in places:
        root, *path = place.split(".")
        holder = roots.get(root)
        for part in path:
            holder = getattr(holder, part, None)
        found = getattr(holder, name, None) or getattr(holder, RENAMED.get(name, name), None)
        if callable(found) and not any(found is other for other in seen):
            seen.append(found)
            yield f"{place}.{name if hasattr(holder, name) else RENAMED[name]}", found


def _keywords(keywords: Mapping[str, Any], function: Any) -> Iterator[dict[str, Any]]:
    """Yield keywords as they are, then with the names that a Jittor function has for them."""
    yield dict(keywords)
    known = _names_of_arguments(function)
    if known is None:  # a compiled function: all names are possible
        known = {own for name in keywords for own in SYNONYMS.get(name, (name,))}
    renamed = {}
    for name, value in keywords.items():
        own = _own_name(name, known)
        if own in known:
            renamed[own] = value
    if list(renamed) != list(keywords):
        yield renamed


def _other_defaults(defaults: Mapping[str, Any], function: Any) -> dict[str, Any]:
    """Return those of PyTorch's default values that a Jittor function has otherwise."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
    own = {_own_name(name, parameters): value for name, value in defaults.items()}
    return {
        name: value
        for name, value in own.items()
        if name in parameters and parameters[name].default != value
    }


def _own_name(name: str, known: Container[str]) -> str:
    """Return the name that a Jittor function has for an argument, or the same one."""
    options = (name, *SYNONYMS.get(name, ()))
    return next((option for option in options if option in known), name)


def _names_of_arguments(function: Any) -> set[str] | None:
    """Return the names that a function takes; None if that cannot be known."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    return None if takes_all else {p.name for p in parameters}
