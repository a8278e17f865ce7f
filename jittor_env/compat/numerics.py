"""Numbers with all their digits, checks of dtypes, and C++ kernels for the CPU."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np

Shape = Sequence[int]


def constant(value: float, like: Any) -> Any:
    """Return a number to compute with `like`, a Var, in its precision.

    Jittor takes Python numbers as float32, also where they meet a float64 Var. It also fuses an
    array of shape (1,) into each kernel that reads it, where a float64 one can lose half of its
    bytes; one that is made as (1, 1) keeps them.
    """
    if like.dtype != "float64":
        return value
    return jt.array64(np.full((1, 1), value, np.float64)).reshape(1).stop_grad()


def mean(x: Any, dims: Sequence[int], keepdims: bool = False) -> Any:
    """Return the mean over some dimensions; the gradient of `Var.mean` has a float32 1/n."""
    count = prod(x.shape[dim] for dim in dims)
    return x.sum(tuple(dims), keepdims=keepdims) / constant(count, x)


def require_float(name: str, x: Any) -> None:
    """Refuse integers and booleans, as PyTorch does.

    Raises:
        RuntimeError: the Var is not of a floating dtype.
    """
    if not x.dtype.is_float():
        raise RuntimeError(f"{name} is not implemented for {x.dtype}: cast the input to a float")


def require_same_dtype(name: str, x: Any, *parameters: Any) -> None:
    """Refuse an input and parameters (or None) of different dtypes, as PyTorch does.

    Raises:
        RuntimeError: the dtypes differ.
    """
    for parameter in parameters:
        if parameter is not None and parameter.dtype != x.dtype:
            raise RuntimeError(
                f"{name} expects one dtype, but the input is {x.dtype} and a parameter"
                f" {parameter.dtype}: cast one of them"
            )


def promoted(a: Any, b: Any) -> tuple[Any, Any]:
    """Return two operands in the dtype that PyTorch promotes them to.

    A float wins over integers whatever its size; a Python number takes the Var's dtype unless it
    is a float and the Var is not.
    """
    if not isinstance(a, jt.Var):
        b, a = promoted(b, a)
        return a, b
    if not isinstance(b, jt.Var):
        if isinstance(b, float) and not a.dtype.is_float():
            a = a.cast("float32")
        return a, _filled(b, a)
    if a.dtype == b.dtype:
        return a, b
    floats = [v.dtype for v in (a, b) if v.dtype.is_float()]
    candidates = floats or [a.dtype, b.dtype]
    wanted = str(np.result_type(*(str(dtype) for dtype in candidates)))
    return a.cast(wanted), b.cast(wanted)


def _filled(number: float, like: Any) -> Any:
    return jt.array64(np.full((1, 1), number, str(like.dtype))).reshape(1).stop_grad()


def dimensions(dim: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Return dimensions as non-negative numbers; all for None and for an empty sequence.

    Raises:
        IndexError: a dimension does not exist.
    """
    given = [dim] if isinstance(dim, int) else list(dim or range(ndim))
    for one in given:
        if not -ndim <= one < ndim:
            raise IndexError(f"dimension {one} is out of range for {ndim} dimensions")
    return tuple(one % ndim for one in given)


def has_kernels(*tensors: Any) -> bool:
    """Tell whether C++ kernels can compute these: float32 or float64, on the CPU."""
    floats = ("float32", "float64")
    return not jt.flags.use_cuda and all(str(tensor.dtype) in floats for tensor in tensors)


class Function(jt.Function):
    """A function with a gradient of its own, which can be differentiated again.

    Jittor gives `execute` copies of the arguments whose gradients end in `grad`; a second
    derivative through such a copy would be lost. So `execute` and `grad` compute with `inputs`, the
    arguments themselves.
    """

    inputs: tuple[Any, ...]

    def __call__(self, *args: Any) -> Any:
        """Compute the function; afterwards `inputs` are the arguments."""
        self.inputs = args
        return super().__call__(*args)


class KernelFunction(Function):
    """A function computed by C++ kernels, with operators for its second derivative.

    Floating inputs come first.

    `computed(function, *inputs)` chooses between them.
    """

    def plain(self, *inputs: Any) -> tuple[Any, ...]:
        """Return the outputs, computed with operators."""
        raise NotImplementedError

    def forward(self, *inputs: Any) -> Sequence[Any]:
        """Return the outputs, computed with a kernel."""
        raise NotImplementedError

    def backward(self, inputs: Sequence[Any], ups: Sequence[Any]) -> Sequence[Any]:
        """Return the gradients with respect to all inputs, computed with a kernel."""
        raise NotImplementedError

    def execute(self, *_: Any) -> tuple[Any, ...]:
        """Return the outputs."""
        outputs = tuple(self.forward(*self.inputs))
        self.like = [(output.shape, output.dtype) for output in outputs]
        return outputs

    def grad(self, *ups: Any) -> Any:
        """Return the gradients of all inputs."""
        given = [
            jt.zeros(*like) if up is None else up for up, like in zip(ups, self.like, strict=True)
        ]
        return _KernelGradient(self)(*self.inputs, *given)


class _KernelGradient(Function):
    """The gradients of a `KernelFunction`, as a function of its inputs and of output gradients."""

    def __init__(self, function: KernelFunction) -> None:
        self.function = function
        self.count = len(function.inputs)

    def execute(self, *_: Any) -> tuple[Any, ...]:
        inputs, ups = self.inputs[: self.count], self.inputs[self.count :]
        return tuple(self.function.backward(inputs, ups))

    def grad(self, *ups: Any) -> Any:
        # Copies, because output gradients depend on the inputs: partial derivatives are asked for.
        copies = [tensor.clone() for tensor in self.inputs]
        outputs = self.function.plain(*copies[: self.count])
        pairs = zip(outputs, copies[self.count :], strict=True)
        floats = [copy for copy in copies if copy.dtype.is_float()]
        wanted = [copy for copy in copies[: self.count] if copy.dtype.is_float()]
        gradients = jt.grad(_total(pairs), wanted)
        of_floats = iter(jt.grad(_total(zip(gradients, ups, strict=False)), floats))
        return [next(of_floats) if copy.dtype.is_float() else None for copy in copies]


def _total(pairs: Iterable[tuple[Any, Any]]) -> Any:
    return sum((a * b).sum() for a, b in pairs if b is not None and a.dtype.is_float())


def computed(function: KernelFunction, *inputs: Any) -> tuple[Any, ...]:
    """Return the outputs of a function, with kernels where floating inputs allow it."""
    floats = [tensor for tensor in inputs if tensor.dtype.is_float()]
    return tuple(function(*inputs) if has_kernels(*floats) else function.plain(*inputs))


@cache
def _header(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def run_kernel(
    header: str,
    call: str,
    outputs: Sequence[tuple[Shape, str]],
    inputs: Sequence[Any],
    numbers: Mapping[str, float] | None = None,
) -> list[Any]:
    """Run one C++ statement on the CPU.

    Args:
        header: file of this folder that has the functions.
        call: the statement; `in0_p`, `out0_p`, … are pointers to the data, and `data["name"]` a
            number, which is not compiled in.
        outputs: shape and dtype of each.
        inputs: Vars.
        numbers: for `call`, passed as double.
    """
    shapes, dtypes = zip(*outputs, strict=True)
    made: list[Any] = jt.code(
        [tuple(shape) for shape in shapes],
        list(dtypes),
        list(inputs),
        cpu_header=_header(header),
        cpu_src=call,
        data=dict(numbers or {}),
    )
    return made
