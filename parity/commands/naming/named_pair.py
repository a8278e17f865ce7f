"""A pair from the command line alone: two builders and the shapes of their inputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from parity.errors import CannotCompare
from parity.pair import RECORDED_INPUTS, Pair
from parity.pair_loading import load_object

_INPUT = re.compile(
    r"(?:(?P<name>[A-Za-z_]\w*)=)?(?:(?P<dtype>[a-z]+\d*)(?:<(?P<limit>\d+))?:)?(?P<shape>\d+(?:,\d+)*)?"
)
# Largest integer, plus one, where an input has no limit of its own.
LIMIT = 10


def named_pair(
    reference: str | None,
    candidate: str | None,
    inputs: Sequence[str] | None,
    *,
    rename: Sequence[str],
    is_recorded: bool = False,
    **options: Any,
) -> Pair:
    """Return the pair of two builders.

    Args:
        reference: `module:attribute` or `file.py:attribute` of a function, or class, that builds
            the reference. None where that side is not built.
        candidate: likewise.
        inputs: each `[NAME=][DTYPE[<LIMIT]:]SHAPE`, `x=2,3,32,32` or `t=int64<1000:2` for example.
            Floats are normal, integers uniform below LIMIT; without a name they are passed by
            position. None: the pair is not to be run.
        is_recorded: whether one side is a record, which then has the inputs if there are none.
        rename: each `REFERENCE=CANDIDATE`, of paths.
        options: of `Pair`.

    Raises:
        CannotCompare: an argument cannot be understood.
    """
    draw = [_parsed(text) for text in inputs or ()]
    if inputs is not None and not draw:
        raise CannotCompare("--input is missing: say the inputs' shapes, --input x=2,3,32,32")
    named = [(name, function) for name, function in draw if name]
    if named and len(named) < len(draw):
        raise CannotCompare("--input: give all inputs a name, or none")
    for text in rename:
        if not all(text.partition("=")):
            raise CannotCompare(f"--rename {text}: write REFERENCE=CANDIDATE")

    def arrays(generator: np.random.Generator) -> Any:
        if named:
            return {name: function(generator) for name, function in named}
        return tuple(function(generator) for _, function in draw)

    return Pair(
        name=" against ".join(name for name in (reference, candidate) if name),
        reference=_builder(reference),
        candidate=_builder(candidate),
        inputs=RECORDED_INPUTS if is_recorded and inputs is None else arrays,
        rename=dict(text.split("=", 1) for text in rename),
        **options,
    )


def _builder(name: str | None) -> Callable[[], Any]:
    if name is None:
        return _not_built
    found = load_object(name)
    # A module is callable, but not to build one.
    is_module = hasattr(found, "parameters") and not isinstance(found, type)
    return (lambda: found) if is_module or not callable(found) else found


def _not_built() -> Any:
    raise CannotCompare("the pair has one side only")


def _parsed(text: str) -> tuple[str, Callable[[np.random.Generator], np.ndarray[Any, Any]]]:
    match = _INPUT.fullmatch(text)
    try:
        dtype = np.dtype((match and match["dtype"]) or "float32")
    except TypeError:
        match = None
    if match is None or dtype.kind not in "fiub":
        raise CannotCompare(
            f"--input {text}: write [NAME=][DTYPE[<LIMIT]:]SHAPE, x=2,3,32,32 or t=int64<1000:2"
        )
    shape = tuple(int(size) for size in (match["shape"] or "").split(",") if size)
    limit = int(match["limit"] or LIMIT)

    def draw(generator: np.random.Generator) -> np.ndarray[Any, Any]:
        if dtype.kind == "f":
            return generator.standard_normal(shape).astype(dtype)
        if dtype.kind == "b":
            return generator.integers(0, 2, shape).astype(bool)
        return generator.integers(0, limit, shape).astype(dtype)

    return match["name"] or "", draw
