"""A third framework: an adapter in one file, for layers written in plain NumPy.

The framework is `Layer`, which knows its own derivative, and `Chain`, which runs layers one after
the other. `NumpyAdapter` makes it known to the harness, with the methods that
`parity.adapters.protocol.Adapter` documents. Run `parity check numpy_framework:pair` in this
folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from parity import Pair
from parity.adapters.protocol import (
    DropoutSource,
    OnGradient,
    PostHook,
    PreHook,
    register_adapter,
)

if TYPE_CHECKING:
    import torch

Array = np.ndarray[Any, Any]


class Value:
    """An array and the derivatives with respect to the values that it was computed from."""

    def __init__(self, array: Array, parents: Sequence[tuple[Value, Callable[..., Array]]] = ()):
        self.array, self.parents = array, parents

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the array's shape."""
        return self.array.shape


class Layer:
    """Computes y = tanh(x W^T + b), or the same without tanh."""

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
    """Layers that run one after the other."""

    def __init__(self, *layers: Layer) -> None:
        self.layers = {str(i): layer for i, layer in enumerate(layers)}

    def run(self, input: Value) -> Value:
        """Run every layer on the result of the one before."""
        for layer in self.layers.values():
            input = layer.run(input)
        return input


class NumpyAdapter:
    """The adapter of a `Chain`."""

    framework = "numpy"

    def __init__(self, module: Chain) -> None:
        self.module = module

    def modules(self) -> dict[str, Any]:
        """Return the chain and its layers by path."""
        return {"": self.module, **self.module.layers}

    def parameters(self) -> dict[str, Value]:
        """Return weights and biases by path."""
        return {
            f"{path}.{name}": getattr(layer, name)
            for path, layer in self.module.layers.items()
            for name in ("weight", "bias")
        }

    def buffers(self) -> dict[str, Value]:
        """Return an empty dict: there are no buffers."""
        return {}

    def assign(self, values: Mapping[str, Array]) -> None:
        """Replace the arrays of parameters."""
        for path, array in values.items():
            self.parameters()[path].array = array

    @contextmanager
    def in_precision(self, precision: str, *, training: bool) -> Iterator[None]:
        """Change nothing: NumPy keeps the precision of its arrays."""
        yield

    @contextmanager
    def hooked(self, pre_hook: PreHook, post_hook: PostHook) -> Iterator[None]:
        """Wrap `run` on each instance."""
        for path, module in self.modules().items():
            vars(module)["run"] = _hooked(path, module.run, pre_hook, post_hook)
        try:
            yield
        finally:
            for module in self.modules().values():
                del vars(module)["run"]

    @contextmanager
    def dropout_from(self, source: DropoutSource) -> Iterator[None]:
        """Change nothing: there is no dropout."""
        yield

    def call(self, keywords: Mapping[str, Value], positional: Sequence[Value] = ()) -> Value:
        """Run the chain."""
        return self.module.run(*positional, **keywords)

    def is_tensor(self, value: object) -> bool:
        """Tell whether an object is a `Value`."""
        return isinstance(value, Value)

    def to_numpy(self, tensor: Value) -> Array:
        """Return the array itself, which the harness only reads."""
        return tensor.array

    def constant(self, array: Array) -> Value:
        """Return a value with a copy of the array."""
        return Value(array.copy())

    def variable(self, array: Array) -> tuple[Value, Value]:
        """Return a value twice: it is its own source."""
        source = Value(array.copy())
        return source, source

    def vjp(
        self,
        outputs: list[tuple[Value, Array]],
        sources: Sequence[Value],
        on_gradient: OnGradient,
    ) -> None:
        """Sum the gradients over every path from an output to a source."""
        gradients: dict[int, Array] = {}

        def backward(value: Value, gradient: Array) -> None:
            gradients[id(value)] = gradients.get(id(value), 0) + gradient
            for parent, derivative in value.parents:
                backward(parent, derivative(gradient))

        for value, cotangent in outputs:
            backward(value, cotangent.astype(value.array.dtype))
        for number, source in enumerate(sources):
            if id(source) in gradients:
                on_gradient(number, gradients[id(source)])

    def manifest(self) -> dict[str, str]:
        """Return NumPy's version."""
        return {"version": np.__version__}


def _hooked(
    path: str, run: Callable[..., Any], pre_hook: PreHook, post_hook: PostHook
) -> Callable[..., Any]:
    def hooked(input: Value) -> Any:
        return post_hook(path, run(pre_hook(path, {"input": input})["input"]))

    return hooked


register_adapter("numpy", lambda _, module: isinstance(module, Chain), lambda: NumpyAdapter)


def inputs(rng: np.random.Generator) -> dict[str, Array]:
    """Draw a batch of shape (4, 3), float32."""
    return {"input": rng.standard_normal((4, 3)).astype(np.float32)}


def reference() -> torch.nn.Module:
    """Build the PyTorch model that the chain is a port of."""
    import torch  # here, because the layers above need no PyTorch

    with torch.random.fork_rng():
        torch.manual_seed(1)  # so that the example shows the same numbers each time
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
