"""Computes calls of a running PyTorch model in Jittor, forward and backward, in float64."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from parity.atlas.backends import Backend
from parity.atlas.calls.describing import Described, Describer, Unwritable
from parity.atlas.calls.layers import is_layer
from parity.atlas.finding import ComparedTensor
from parity.base.numerics import Array

# (call) -> its Jittor sources, of which the first that can be run is; none: PyTorch computes it.
SourcesOf = Callable[[Described], Sequence[str]]


class CannotReplace(Exception):  # noqa: N818 - callers turn it into an answer
    """Jittor's result cannot take the place of PyTorch's: it raised, or has another shape."""


class Replacing:
    """Computes some calls of a model in Jittor; an `Observer`.

    Args:
        describer: of the model's calls.
        sources_of: says which.
        jittor: runs the sources.
    """

    def __init__(self, describer: Describer, sources_of: SourcesOf, jittor: Backend) -> None:
        self._describer, self._sources_of, self._jittor = describer, sources_of, jittor
        self._torch = importlib.import_module("torch")

    def function_called(
        self, name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """See `Observer`; a call that changes a tensor in place is left to PyTorch."""
        result = function(*args, **kwargs)
        try:
            described = self._describer.function(name, function, args, kwargs)
        except Unwritable:
            return result
        return result if described.use.in_place else self._replaced(described, result)

    def entered(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """See `Observer`."""

    def left(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
        """See `Observer`."""
        if not is_layer(module):
            return None
        try:
            described = self._describer.layer(module, args, kwargs)
        except Unwritable:
            return None
        return None if described.use.unbuilt else self._replaced(described, result)

    def _replaced(self, described: Described, result: Any) -> Any:
        """Return Jittor's result in the structure of PyTorch's; that one if it is to be kept.

        Raises:
            CannotReplace: Jittor raises, or its result has another shape.
        """
        sources = self._sources_of(described)
        for number, source in enumerate(sources, 1):
            try:
                return self._computed(described, source, result)
            except CannotReplace:
                if number == len(sources):
                    raise
        return result

    def _computed(self, described: Described, source: str, result: Any) -> Any:
        tensors = described.tensors
        floats = [name for name, tensor in tensors.items() if tensor.is_floating_point()]
        constants = {name: tensors[name].detach().numpy() for name in tensors.keys() - floats}
        compute = _in_jittor(self._torch, self._jittor, source, floats, constants)
        return self._placed(result, iter(compute(*(tensors[name] for name in floats))))

    def _placed(self, result: Any, outputs: Any) -> Any:
        if isinstance(result, self._torch.Tensor):
            output = next(outputs, None)
            if output is not None and not result.shape:
                output = output.reshape(())  # Jittor has no tensors without dimensions
            if output is None or output.shape != result.shape:
                raise CannotReplace
            return output
        if isinstance(result, (list, tuple)):
            items = [self._placed(item, outputs) for item in result]
            # `torch.return_types` are made of one sequence, as lists and tuples are.
            return type(result)(items)
        return result


def _in_jittor(
    torch: Any, jittor: Backend, source: str, names: Sequence[str], constants: Mapping[str, Array]
) -> Any:
    """Return a differentiable function of PyTorch that Jittor computes."""

    def run(tensors: Sequence[Any], cotangents: Sequence[Array] | None) -> Mapping[Any, Array]:
        arrays = (tensor.detach().numpy().copy() for tensor in tensors)
        inputs = {**constants, **dict(zip(names, arrays, strict=True))}
        outcome = jittor.run(
            source, inputs, "float64", gradient=cotangents is not None, cotangents=cotangents
        )
        if outcome.exception:
            raise CannotReplace
        return outcome.arrays

    class InJittor(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Any) -> Any:
            ctx.save_for_backward(*tensors)
            return tuple(torch.from_numpy(np.array(a)) for a in run(tensors, None).values())

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            arrays = run(ctx.saved_tensors, [gradient.numpy() for gradient in gradients])
            return tuple(
                torch.from_numpy(arrays[ComparedTensor("gradient", name)]) for name in names
            )

    return InJittor.apply
