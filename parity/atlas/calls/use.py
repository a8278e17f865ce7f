"""Describes what a model calls: one operator or layer with its arguments, as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from parity.base.numerics import Array


@dataclass(frozen=True)
class Ref:
    """Stands for a tensor among the arguments of a call; `name` is a key of `Use.inputs`."""

    name: str


@dataclass(frozen=True)
class Dtype:
    """Stands for a dtype of the framework among the arguments, such as `float32`."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer as it can be built again.

    Attributes:
        constructor: its arguments by name, those without a default first; defaults are left out.
        required: how many of them have no default.
        training: its mode.
        parameters: path inside the layer -> name in `Use.inputs`.
        buffers: likewise, of float buffers.
    """

    constructor: Mapping[str, Any]
    required: int
    training: bool
    parameters: Mapping[str, str]
    buffers: Mapping[str, str]


@dataclass(kw_only=True)
class Use:
    """One operator or layer with the arguments and shapes that a model gives it.

    Attributes:
        name: of the function, method or class, from `torch` on.
        positional, keywords: its arguments; tensors are `Ref`, dtypes `Dtype`, containers are kept.
        defaults: keywords whose values are PyTorch's defaults; the model may have left them out.
        inputs: name -> array of every tensor, parameters and buffers of a layer among them.
        weights: the names of those inputs that are parameters or buffers of the model.
        layer: how to build it; None: it is a function or method.
        places: paths of the modules that call it; of a layer, its own.
        contexts: for each place, the names of the layers of `torch.nn` around it, outermost first.
        lines: where it stands in the user's source, `nets.py:31`.
        calls: how often one run of the model calls it.
        random: whether its result is another one each time.
        in_place: whether it changes its first tensor.
        outputs: how many tensors it returns.
        is_nested: whether it returns its tensors in a container.
        unbuilt: why a layer cannot be built again; empty otherwise.
    """

    name: str
    positional: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    inputs: dict[str, Array] = field(default_factory=dict)
    weights: frozenset[str] = frozenset()
    layer: Layer | None = None
    places: list[str] = field(default_factory=list)
    contexts: set[tuple[str, ...]] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    calls: int = 0
    random: bool = False
    in_place: bool = False
    outputs: int = 1
    is_nested: bool = False
    unbuilt: str = ""

    @property
    def short_name(self) -> str:
        """Return the name as people write it: `F.conv2d`, `torch.cat`, `x.view`, `nn.Conv2d`."""
        for prefix, short in (
            ("torch.nn.functional.", "F."),
            ("torch.Tensor.", "x."),
            ("torch.nn.", "nn."),
        ):
            if self.name.startswith(prefix):
                return short + self.name.removeprefix(prefix).removesuffix(".__get__")
        return self.name

    def shapes(self) -> str:
        """Return the tensors in one line: names, shapes, and dtypes other than float32."""
        return ", ".join(
            f"{name} {'×'.join(map(str, array.shape)) or 'scalar'}"
            + ("" if array.dtype.name == "float32" else f" {array.dtype}")
            for name, array in self.inputs.items()
        )


def leaves(value: Any) -> Iterator[Any]:
    """Yield what is in nested lists, tuples, dicts and slices."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, Mapping):
        yield from leaves(list(value.values()))
    elif isinstance(value, slice):
        yield from leaves([value.start, value.stop, value.step])
    else:
        yield value
