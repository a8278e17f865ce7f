"""Every leaf of what a model returns is compared, or named and refused."""

from __future__ import annotations

import enum
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any, NamedTuple

import numpy as np

from parity.base.numerics import Array, Precision
from parity.errors import CannotCompare
from parity.nested.containers import Node, field_names, named_leaves, walked

IsTensor = Callable[[object], bool]
# Settings of PyTorch, by the name of their class, which are compared as text.
_SETTINGS = ("dtype", "device", "layout", "memory_format")


class OutputLeaf(NamedTuple):
    """A leaf that is compared.

    Attributes:
        label: the dotted path to it, `""` for a tensor alone.
        name: likewise, with the names of a namedtuple's fields.
        is_tensor: whether it is one of the framework's tensors.
        value: it, or the number, text or array that it is; None where only the place counts.
        shape: of a tensor or array.
    """

    label: str
    name: str
    is_tensor: bool
    value: Any
    shape: tuple[int, ...]


def output_leaves(outputs: Any, is_tensor: IsTensor) -> list[OutputLeaf]:
    """Return all tensors, arrays, numbers and texts in what a model returned, in order.

    None holds nothing that could be compared; the structure of the outputs says where it is.

    Raises:
        CannotCompare: something else is in it, which cannot be looked into.
    """
    found = []
    for label, name, leaf in named_leaves(outputs, is_tensor):
        if leaf is None:
            continue
        value = leaf if is_tensor(leaf) else _comparable(leaf)
        if value is None:
            raise CannotCompare(
                f"output {label or 'of the model'} is {type(leaf).__name__}, which cannot be "
                "looked into: return tensors, or say what is in it with parity.register_container"
            )
        found.append(
            OutputLeaf(label, name, is_tensor(leaf), value, tuple(getattr(value, "shape", ())))
        )
    return found


def as_array(leaf: Any, precision: Precision) -> Array:
    """Return a number, a text or an array that is no tensor as an array; floats in a precision."""
    # NumPy cuts zeros off the end of a text.
    array = np.asarray(repr(leaf) if isinstance(leaf, (str, bytes)) else leaf)
    return array.astype(precision) if array.dtype.kind == "f" else array


def _comparable(leaf: Any) -> Any:
    """Return a number or array that can be compared, or the text of what equality decides.

    None for what cannot be looked into.
    """
    if isinstance(leaf, (str, bytes)):
        return leaf
    if isinstance(leaf, np.ndarray):
        return leaf if leaf.dtype.kind in "fiubcSU" else None
    if isinstance(leaf, enum.Enum):
        return f"{type(leaf).__name__}.{leaf.name}"
    if isinstance(leaf, Number):
        return leaf if np.asarray(leaf).dtype.kind in "fiubc" else repr(leaf)
    if isinstance(leaf, (set, frozenset)) and all(isinstance(v, (Number, str)) for v in leaf):
        return f"{{{', '.join(sorted(map(repr, leaf)))}}}"
    return str(leaf) if type(leaf).__name__ in _SETTINGS else None


class Structure(NamedTuple):
    """The structure of a value.

    Attributes:
        kind: of a leaf, `tensor`, `number`, `text` or `None`; `itself`; or `()` for a container.
        items: of a container.
        names: of the items; None where they have positions alone.
        is_ordered: whether positions say which item is which: in tuples and lists.
    """

    kind: str
    items: tuple[Structure, ...] = ()
    names: tuple[str, ...] | None = None
    is_ordered: bool = False

    def __str__(self) -> str:
        """Return `tensor`, `(tensor, None)`, `{x: tensor, y: (number)}`."""
        if self.kind != "()":
            return self.kind
        inside = [str(item) for item in self.items]
        if self.names is None:
            return "(" + ", ".join(inside) + ")"
        named = [f"{name}: {text}" for name, text in zip(self.names, inside, strict=True)]
        return "{" + ", ".join(named) + "}"

    def is_like(self, other: Structure) -> bool:
        """Tell whether callers find the same at the same places.

        Tuples and lists are alike, and so is everything whose items have the same names, in any
        order. A named tuple is like either.
        """
        if self.kind != other.kind or len(self.items) != len(other.items):
            return False
        if self.names is not None and other.names is not None:
            own, others = (dict(zip(s.names or (), s.items, strict=True)) for s in (self, other))
            return own.keys() == others.keys() and all(own[n].is_like(others[n]) for n in own)
        if self.is_ordered != other.is_ordered:
            return False
        return all(a.is_like(b) for a, b in zip(self.items, other.items, strict=True))


NO_STRUCTURE = Structure("None")


def structure_of(value: Any, is_tensor: IsTensor) -> Structure:
    """Return the structure of a value."""
    return _structure(walked(value, is_tensor))


def _structure(node: Node) -> Structure:
    if node.is_again:
        return Structure("itself")
    if node.items is None:
        return Structure("tensor" if node.has_tensor else _kind(node.value))
    inside = tuple(_structure(item) for _, item in node.items)
    if isinstance(node.value, (tuple, list, deque)):
        return Structure("()", inside, field_names(node.value), is_ordered=True)
    return Structure("()", inside, tuple(key for key, _ in node.items))


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return "tensor"
    if value is None:
        return "None"
    return "number" if isinstance(_comparable(value), Number) else "text"


@dataclass(frozen=True)
class OutputNames:
    """The labels of one side's outputs in the reference.

    Attributes:
        labels: own label -> the reference's, of the outputs that both sides have.
        tensors: the reference's labels of those that are tensors on both sides.
    """

    labels: dict[str, str]
    tensors: frozenset[str]


def matched_outputs(
    reference: Sequence[OutputLeaf], candidate: Sequence[OutputLeaf]
) -> tuple[OutputNames, OutputNames]:
    """Match the outputs of both sides: by label, then by name, then by order or shape.

    By order where as many are left on both sides, else by a shape that only one on each side has.
    What is left is not compared; the structures then differ.

    Returns:
        The names of the reference's outputs, and of the candidate's.
    """
    pairs: list[tuple[OutputLeaf, OutputLeaf]] = []
    left, right = list(reference), list(candidate)

    def match(key: Callable[[OutputLeaf], Any]) -> None:
        counts = Counter(map(key, left)), Counter(map(key, right))
        of_right = {key(leaf): leaf for leaf in right}
        for leaf in list(left):
            if counts[0][key(leaf)] == counts[1][key(leaf)] == 1:
                partner = of_right[key(leaf)]
                pairs.append((leaf, partner))
                left.remove(leaf)
                right.remove(partner)

    match(lambda leaf: leaf.name)
    match(lambda leaf: leaf.label)
    if len(left) == len(right):
        pairs += zip(left, right, strict=True)
    else:
        match(lambda leaf: leaf.shape)
    both = frozenset(a.label for a, b in pairs if a.is_tensor and b.is_tensor)
    return (
        OutputNames({a.label: a.label for a, _ in pairs}, both),
        OutputNames({b.label: a.label for a, b in pairs}, both),
    )


def paired(reference: Sequence[str], own: Sequence[str]) -> list[str]:
    """Return the reference's labels for own ones: the same, and by order for as many others."""
    known = set(reference) & set(own)
    others = [label for label in reference if label not in known]
    mine = [label for label in own if label not in known]
    partners = dict(zip(mine, others, strict=True)) if len(mine) == len(others) else {}
    return [partners.get(label, label) for label in own]
