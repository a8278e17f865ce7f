"""A model inside a training loop, and its names in the reference."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parity.adapters.protocol import Adapter
from parity.base.numerics import Array, Precision, in_precision
from parity.base.random_streams import GlobalGenerator, global_generators
from parity.nested.arguments import forward_function
from parity.nested.containers import copied, tensors
from parity.nested.outputs import output_leaves
from parity.steps.step_data import Arrays, DrawFamily, joined


@dataclass(frozen=True)
class WatchedModel:
    """A model inside a training loop.

    Attributes:
        name: `""` for the only one.
        adapter: of the module.
        parameters, buffers: the reference's path -> own path, without the name.
    """

    name: str
    adapter: Adapter
    parameters: Mapping[str, str]
    buffers: Mapping[str, str]

    def read(self, *, buffers: bool = True) -> Arrays:
        """Return copies of parameters, and of buffers, by the reference's path."""
        tensors_of = {**self.adapter.parameters(), **self.adapter.buffers()}
        wanted = {**self.parameters, **(self.buffers if buffers else {})}
        to_numpy = self.adapter.to_numpy
        return {path: to_numpy(tensors_of[own]).copy() for path, own in wanted.items()}

    def write(self, arrays: Mapping[str, Array], precision: Precision = "float32") -> None:
        """Set parameters and buffers, given by the reference's path."""
        names = {**self.parameters, **self.buffers}
        self.adapter.assign(
            {names[p]: in_precision(a, precision) for p, a in arrays.items() if p in names}
        )

    def among(self, arrays: Mapping[str, Array]) -> Arrays:
        """Return its parameters among arrays by path with the name of their model, by path."""
        named = {path: joined(self.name, path) for path in self.parameters}
        return {path: arrays[name] for path, name in named.items() if name in arrays}

    def names_of_parameters(self) -> dict[int, str]:
        """Return the identity of each parameter -> the reference's path, with the model's name."""
        tensors_of = {**self.adapter.parameters(), **self.adapter.buffers()}
        return {
            id(tensors_of[own]): joined(self.name, path) for path, own in self.parameters.items()
        }


def parameters_of(models: Mapping[str, WatchedModel], paths: Sequence[str]) -> Arrays:
    """Return copies of parameters, given by the reference's path with the name of their model."""
    wanted = set(paths)
    every = {
        joined(name, path): array
        for name, model in models.items()
        if not wanted.isdisjoint(joined(name, path) for path in model.parameters)
        for path, array in model.read(buffers=False).items()
    }
    return {path: every[path] for path in paths if path in every}


class LiveCall:
    """The arguments of a call and what it returned, with the framework's tensors.

    Args:
        adapter: of the module.
        args, kwargs: as the module's own forward function was given them.
        modes: of each module, whether it was in training mode.

    Attributes:
        modes: likewise.
        dropout: numbers that dropout drew in it, in order.
        draws: other random numbers of the framework, likewise.
        generators: put NumPy's and Python's generators back to where they were before it.
        output_names: own label -> the reference's, of what it returned.
    """

    def __init__(
        self,
        adapter: Adapter,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        modes: Sequence[bool | None] = (),
    ) -> None:
        self.modes = modes
        self.dropout: list[Array] = []
        self.draws: list[tuple[DrawFamily, Array]] = []
        self.generators = [_put_back(generator) for generator in global_generators().values()]
        self.output_names: dict[str, str] = {}
        self._adapter, self._number = adapter, len(args)
        self._names = list(kwargs)
        self._values = {**{str(i): v for i, v in enumerate(args)}, **kwargs}
        self.labels = list(dict(tensors(self._values, adapter.is_tensor)))

    def inputs(self) -> dict[str, Any]:
        """Return the tensors by the names of the parameters that take them."""
        found = dict(tensors(self._values, self._adapter.is_tensor))
        names = _parameter_names(self._adapter.module, self._number)
        return {_renamed(label, names): tensor for label, tensor in found.items()}

    def filled(self, new: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments with other tensors, given in the order of `inputs`."""
        values = copied(self._values, self._adapter.is_tensor, iter(new))
        items = list(values.values())
        return items[: self._number], dict(zip(self._names, items[self._number :], strict=True))


def _put_back(generator: GlobalGenerator) -> Callable[[], None]:
    state = generator.state()
    return lambda: generator.put_back(state)


def output_tensors(adapter: Adapter, outputs: Any) -> dict[str, Any]:
    """Return the tensors of what a model returned, by label.

    Raises:
        CannotCompare: there is something else in it.
    """
    leaves = output_leaves(outputs, adapter.is_tensor)
    return {leaf.label: leaf.value for leaf in leaves if leaf.is_tensor}


def with_tensors(adapter: Adapter, outputs: Any, new: Sequence[Any]) -> Any:
    """Return what a model returned, with other tensors in their order."""
    return copied(outputs, adapter.is_tensor, iter(new))


def is_training(modes: Sequence[bool | None]) -> bool | None:
    """Tell whether a model is in training mode: it itself, or else any module in it.

    None where no module has a mode.
    """
    if modes[0] is not None:
        return modes[0]
    return None if all(mode is None for mode in modes) else any(modes)


def _parameter_names(module: Any, number: int) -> dict[str, str]:
    """Return position -> name of the positional parameters of a module's forward function."""
    try:
        parameters = inspect.signature(forward_function(module)).parameters
    except (TypeError, ValueError):
        return {}
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)
    names = [name for name, p in parameters.items() if p.kind in named]
    return {str(i): name for i, name in enumerate(names[:number])}


def _renamed(label: str, names: Mapping[str, str]) -> str:
    head, dot, rest = label.partition(".")
    return f"{names.get(head, head)}{dot}{rest}"
