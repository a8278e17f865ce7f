"""Runs sources in a framework, in either precision, forward and backward."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from parity.adapters.protocol import Adapter, adapt
from parity.atlas.entry import evaluate
from parity.atlas.finding import OUTPUT, ComparedTensor
from parity.base.numerics import Array, Precision

Framework = Literal["torch", "jittor"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of one run: tensor -> array, or the exception that was raised, in one line."""

    arrays: Mapping[ComparedTensor, Array] = field(default_factory=dict)
    exception: str = ""


class Backend:
    """Runs the sources of one framework.

    Attributes:
        framework: its name.
        adapter: of any module of it.
        names: what its sources may refer to.
    """

    def __init__(self, framework: Framework, adapter: Adapter, names: dict[str, Any]) -> None:
        self.framework = framework
        self.names = {"np": np, **names}
        self.adapter = adapter

    def run(
        self,
        source: str,
        inputs: Mapping[str, Array],
        precision: Precision,
        *,
        gradient: bool,
        cotangents: Sequence[Array] | None = None,
    ) -> Outcome:
        """Run a source on inputs; with `gradient`, differentiate a weighted sum as well.

        Args:
            source: see `Entry`.
            inputs: name -> array.
            precision: of the floats.
            gradient: whether gradients are computed.
            cotangents: the weights of the sum, one array for each output; None: fixed ones.
        """
        try:
            with self._casting(precision), self.adapter.in_precision(precision, training=False):
                return Outcome(arrays=self._run(source, inputs, precision, gradient, cotangents))
        except Exception as error:  # any exception of a framework is a result to compare
            return Outcome(exception=describe_exception(error))

    def value(self, source: str) -> Any:
        """Run a source in the framework's default precision.

        Raises:
            Exception: whatever the source raises.
        """
        return evaluate(source, dict(self.names))

    def seeded_value(self, source: str) -> Any:
        """Run a source after seeding the framework's random numbers.

        Raises:
            Exception: whatever the source raises.
        """
        return self.value(f"{self.seeding}\n{source}")

    def run_once(self, source: str, inputs: Mapping[str, Array]) -> Array:
        """Run a source on inputs without a gradient and return its first tensor.

        Raises:
            Exception: whatever the source raises.
        """
        tensors = {name: self.adapter.constant(array.copy()) for name, array in inputs.items()}
        return self.to_array(_flatten(evaluate(source, {**self.names, **tensors}))[0])

    @property
    def seeding(self) -> str:
        """Return the statement that seeds the framework's random numbers."""
        return seeding(self.framework)

    def to_array(self, value: Any) -> Array:
        """Return a tensor, or numbers, as an array."""
        return np.array(self.adapter.to_numpy(value) if self.is_tensor(value) else value)

    def is_tensor(self, value: object) -> bool:
        """Tell whether a value is one of the framework's tensors."""
        return self.adapter.is_tensor(value)

    def version(self) -> str:
        """Return the framework's version."""
        return self.adapter.manifest()["version"]

    def _run(
        self,
        source: str,
        inputs: Mapping[str, Array],
        precision: Precision,
        gradient: bool,
        cotangents: Sequence[Array] | None,
    ) -> dict[ComparedTensor, Array]:
        tensors: dict[str, Any] = {}
        variables: dict[str, Any] = {}
        for name, array in inputs.items():
            if array.dtype.kind != "f":
                tensors[name] = self.adapter.constant(array.copy())
                continue
            variables[name], tensors[name] = self.adapter.variable(array.astype(precision))
        outputs = [
            o for o in _flatten(evaluate(source, {**self.names, **tensors})) if o is not None
        ]
        arrays = {
            OUTPUT if len(outputs) == 1 else ComparedTensor("output", str(number)): self.to_array(
                output
            )
            for number, output in enumerate(outputs)
        }
        if gradient and variables:
            shapes = {name: inputs[name].shape for name in variables}
            weights = cotangents or [cotangent(array.shape) for array in arrays.values()]
            weighted = [
                (output, weight.astype(array.dtype))
                for output, array, weight in zip(outputs, arrays.values(), weights, strict=True)
                if self.is_tensor(output) and array.dtype.kind == "f"
            ]
            arrays |= self._gradients(weighted, variables, shapes, precision)
        return arrays

    def _gradients(
        self,
        weighted: list[tuple[Any, Array]],
        variables: Mapping[str, Any],
        shapes: Mapping[str, tuple[int, ...]],
        precision: Precision,
    ) -> dict[ComparedTensor, Array]:
        """Return the gradient with respect to each variable, zeros where none arrives."""
        tensors = [ComparedTensor("gradient", name) for name in variables]
        gradients = {tensor: np.zeros(shapes[tensor.label], precision) for tensor in tensors}

        def keep(number: int, gradient: Array) -> None:
            gradients[tensors[number]] = gradient.copy()

        self.adapter.vjp(weighted, list(variables.values()), keep)
        return gradients

    def _casting(self, precision: Precision) -> Any:
        jittor = self.framework == "jittor" and precision == "float64"
        return _modules_in_float64(self.names["jt"]) if jittor else nullcontext()


def seeding(framework: Framework) -> str:
    """Return the statement that seeds a framework's random numbers."""
    return "torch.manual_seed(0)" if framework == "torch" else "jt.set_global_seed(0)"


def describe_exception(error: BaseException) -> str:
    """Return an exception in one line; of a kernel that fails, what Jittor reports."""
    text = re.sub(r"\x1b\[[\d;]*[mK]", "", str(error))
    text = re.sub(r"\[f \d+ [\d:.]+ \d+ (\w+\.cc:\d+)\]", r"[\1]", text)  # no time, no thread
    if "fused operator" in text or "compile" in text.lower():
        # The report of a compiler that failed is its command line, with paths of this machine.
        reasons = re.findall(r"\[Reason\]: (?:\[\w+\.cc:\d+\] ?)?(.*)", text)
        reported = [" ".join(r.split()) for r in reasons if r and "Run cmd failed" not in r]
        what = f"the kernel fails: {reported[0]}" if reported else "the kernel does not compile"
        return f"{type(error).__name__}: {what[:200]}"
    return " ".join(f"{type(error).__name__}: {text}".split()).removesuffix(":")[:300]


def cotangent(shape: tuple[int, ...]) -> Array:
    """Return the weights of the sum that is differentiated: the cosines of 0, 1, 2, …."""
    size = int(np.prod(shape))
    weights: Array = np.cos(np.arange(size)).astype(np.float32).astype(np.float64)
    return weights.reshape(shape)


def torch_backend() -> Backend:
    """Import PyTorch."""
    torch = importlib.import_module("torch")
    names = {"torch": torch, "F": torch.nn.functional}
    return Backend("torch", adapt(torch.nn.Identity()), names)


def jittor_backend() -> Backend:
    """Import Jittor, and the replacements of `jittor_env.compat`."""
    from jittor_env import compat, load

    jt = load()
    return Backend("jittor", adapt(jt.nn.Identity()), {"jt": jt, "compat": compat})


def _flatten(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)) and not all(isinstance(v, (int, float)) for v in value):
        return [leaf for item in value for leaf in _flatten(item)]
    return [value]


@contextmanager
def _modules_in_float64(jt: Any) -> Iterator[None]:
    """Cast each module's own float32 tensors when it is called.

    Jittor creates them in float32 whatever the precision of the input.
    """
    call: Callable[..., Any] = jt.Module.__call__

    def cast_and_call(module: Any, *args: Any, **kwargs: Any) -> Any:
        for value in vars(module).values():
            if isinstance(value, jt.Var) and value.dtype == "float32":
                stopped = value.is_stop_grad()
                value.assign(value.cast("float64"))
                if stopped:
                    value.stop_grad()
        return call(module, *args, **kwargs)

    with ExitStack() as stack:
        stack.callback(setattr, jt.Module, "__call__", call)
        jt.Module.__call__ = cast_and_call
        yield
