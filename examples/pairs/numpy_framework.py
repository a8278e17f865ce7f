"""A third framework for the engine: an adapter in one file, for layers written in plain NumPy.

The toy framework is `Layer`, which knows its own derivative, and `Chain`, which runs layers in
turn. What the engine needs is below it, in `NumpyAdapter`; `parity.adapters.protocol.Adapter` says
what each method owes. Run it: `parity check numpy_framework:pair` in this folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from parity import Pair
from parity.adapters.protocol import register_adapter

if TYPE_CHECKING:
    import torch

Array = np.ndarray[Any, Any]


class Value:
    """An array that remembers how it was made."""

    def __init__(self, array: Array, parents: Sequence[tuple[Value, Callable[..., Array]]] = ()):
        self.array, self.parents = array, parents

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the array's shape."""
        return self.array.shape


class Layer:
    """y = tanh(x W^T + b), or without tanh."""

    def __init__(self, inputs: int, outputs: int, *, tanh: bool) -> None:
        rng = np.random.default_rng(0)
        self.weight = Value(rng.uniform(-0.5, 0.5, (outputs, inputs)).astype(np.float32))
        self.bias = Value(np.zeros(outputs, np.float32))
        self.tanh = tanh

    def run(self, input: Value) -> Value:
        """Map (N, inputs) to (N, outputs)."""
        x, w = input.array, self.weight.array
        y = x @ w.T + self.bias.array
        y = np.tanh(y) if self.tanh else y
        slope = 1 - y**2 if self.tanh else np.ones_like(y)
        return Value(
            y,
            [
                (input, lambda g: (g * slope) @ w),
                (self.weight, lambda g: (g * slope).T @ x),
                (self.bias, lambda g: (g * slope).sum(0)),
            ],
        )


class Chain:
    """Layers, one after the other."""

    def __init__(self, *layers: Layer) -> None:
        self.layers = {str(i): layer for i, layer in enumerate(layers)}

    def run(self, input: Value) -> Value:
        """Run every layer."""
        for layer in self.layers.values():
            input = layer.run(input)
        return input


class NumpyAdapter:
    """A `Chain`, as the engine sees it."""

    framework = "numpy"

    def __init__(self, module: Chain) -> None:
        self.module = module

    def modules(self) -> dict[str, Any]:
        """Return the chain and its layers."""
        return {"": self.module, **self.module.layers}

    def parameters(self) -> dict[str, Value]:
        """Return weights and biases by path."""
        return {
            f"{path}.{name}": getattr(layer, name)
            for path, layer in self.module.layers.items()
            for name in ("weight", "bias")
        }

    def buffers(self) -> dict[str, Value]:
        """Return nothing; there are none."""
        return {}

    def assign(self, values: Mapping[str, Array]) -> None:
        """Replace arrays."""
        for path, array in values.items():
            self.parameters()[path].array = array

    @contextmanager
    def in_precision(self, precision: str, *, training: bool) -> Iterator[None]:
        """Change nothing: NumPy keeps what it is given."""
        yield

    @contextmanager
    def hooked(self, enter: Callable[..., Any], leave: Callable[..., Any]) -> Iterator[None]:
        """Wrap each `run` on the instance."""
        for path, module in self.modules().items():
            vars(module)["run"] = _watched(path, module.run, enter, leave)
        try:
            yield
        finally:
            for module in self.modules().values():
                del vars(module)["run"]

    @contextmanager
    def dropout_from(self, source: Callable[..., Array]) -> Iterator[None]:
        """Change nothing: there is no dropout."""
        yield

    def call(self, inputs: Mapping[str, Value]) -> Value:
        """Run the chain."""
        return self.module.run(**inputs)

    def is_tensor(self, value: object) -> bool:
        """Tell whether it is a `Value`."""
        return isinstance(value, Value)

    def to_numpy(self, tensor: Value) -> Array:
        """Return the array itself."""
        return tensor.array

    def constant(self, array: Array) -> Value:
        """Copy in."""
        return Value(array.copy())

    def variable(self, array: Array) -> tuple[Value, Value]:
        """Copy in; the source itself is passed on."""
        source = Value(array.copy())
        return source, source

    def vjp(
        self,
        outputs: list[tuple[Value, Array]],
        sources: Sequence[Value],
        take: Callable[[int, Array], None],
    ) -> None:
        """Pull the cotangents back, path by path."""
        gradients: dict[int, Array] = {}

        def pull(value: Value, gradient: Array) -> None:
            gradients[id(value)] = gradients.get(id(value), 0) + gradient
            for parent, derivative in value.parents:
                pull(parent, derivative(gradient))

        for value, cotangent in outputs:
            pull(value, cotangent.astype(value.array.dtype))
        for number, source in enumerate(sources):
            if id(source) in gradients:
                take(number, gradients[id(source)])

    def manifest(self) -> dict[str, str]:
        """Return NumPy's version."""
        return {"version": np.__version__}


def _watched(path: str, run: Callable[..., Any], enter: Any, leave: Any) -> Callable[..., Any]:
    def watched(input: Value) -> Any:
        return leave(path, run(enter(path, {"input": input})["input"]))

    return watched


register_adapter("numpy", lambda _, module: isinstance(module, Chain), lambda: NumpyAdapter)


def inputs(rng: np.random.Generator) -> dict[str, Array]:
    """Draw a batch."""
    return {"input": rng.standard_normal((4, 3)).astype(np.float32)}


def reference() -> torch.nn.Module:
    """Build the model that the chain is a port of."""
    import torch  # here, since the layers above are of use where it is not installed

    with torch.random.fork_rng():
        torch.manual_seed(1)  # an example shows the same figures each time
        return torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))


pair = Pair(
    name="NumPy against PyTorch",
    reference=reference,
    candidate=lambda: Chain(Layer(3, 5, tanh=True), Layer(5, 2, tanh=False)),
    inputs=inputs,
    rename={"2": "1", "0": "0"},
)
wrong = replace(
    pair,
    name="NumPy against PyTorch, without its tanh",
    candidate=lambda: Chain(Layer(3, 5, tanh=False), Layer(5, 2, tanh=False)),
)
