"""Runs sources in a framework, in either precision, forward and backward."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from parity.adapters.protocol import Adapter, adapt
from parity.atlas.entry import evaluate
from parity.base.numerics import Array, Precision
from parity.errors import one_line

Framework = Literal["torch", "jittor"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one run left: arrays by place, or the exception that it raised, in one line."""

    values: Mapping[str, Array] = field(default_factory=dict)
    raised: str = ""


class Backend:
    """One framework; `names` are what its sources know."""

    def __init__(self, framework: Framework, adapter: Adapter, names: dict[str, Any]) -> None:
        self.framework = framework
        self.names = {"np": np, **names}
        self._adapter = adapter

    def run(
        self, source: str, inputs: Mapping[str, Array], precision: Precision, *, gradient: bool
    ) -> Outcome:
        """Run a source on inputs and pull a fixed cotangent back to them."""
        try:
            with self._casting(precision), self._adapter.in_precision(precision, training=False):
                return Outcome(values=self._run(source, inputs, precision, gradient))
        except Exception as error:  # whatever a framework may raise is an outcome
            return Outcome(raised=said(error))

    def value(self, source: str) -> Any:
        """Run a source as a user would, no precision imposed.

        Raises:
            Exception: whatever the source raises.
        """
        return evaluate(source, dict(self.names))

    def to_array(self, value: Any) -> Array:
        """Copy a tensor, or numbers, out."""
        return np.array(self._adapter.to_numpy(value) if self.is_tensor(value) else value)

    def is_tensor(self, value: object) -> bool:
        """Tell whether a value is one of the framework's tensors."""
        return self._adapter.is_tensor(value)

    def version(self) -> str:
        """Return the framework's version."""
        return self._adapter.manifest()["version"]

    def _run(
        self, source: str, inputs: Mapping[str, Array], precision: Precision, gradient: bool
    ) -> dict[str, Array]:
        tensors: dict[str, Any] = {}
        sources: dict[str, Any] = {}
        for name, array in inputs.items():
            if array.dtype.kind != "f":
                tensors[name] = self._adapter.constant(array.copy())
                continue
            sources[name], tensors[name] = self._adapter.variable(array.astype(precision))
        outputs = _flat(evaluate(source, {**self.names, **tensors}))
        values = {
            "output" if len(outputs) == 1 else f"output {number}": self.to_array(output)
            for number, output in enumerate(outputs)
        }
        if gradient and sources:
            joined = [
                (output, cotangent(array.shape).astype(array.dtype))
                for output, array in zip(outputs, values.values(), strict=True)
                if self.is_tensor(output) and array.dtype.kind == "f"
            ]
            names = [f"gradient of {name}" for name in sources]
            values |= {f"gradient of {n}": np.zeros(inputs[n].shape, precision) for n in sources}

            def take(number: int, gradient: Array) -> None:
                values[names[number]] = gradient.copy()

            self._adapter.vjp(joined, list(sources.values()), take)
        return values

    def _casting(self, precision: Precision) -> Any:
        jittor = self.framework == "jittor" and precision == "float64"
        return _modules_in_float64(self.names["jt"]) if jittor else nullcontext()


def said(error: BaseException) -> str:
    """Return an exception in one line; of a kernel that failed, what the compiler or it said."""
    text = re.sub(r"\x1b\[[\d;]*m", "", str(error))
    reasons = re.findall(r"error: (.*)|\[Reason\]: (?:\[f [^\]]*\] ?)?(.*)", text)
    if "fused operator" in text or "compile" in text.lower():
        told = [part for pair in reasons for part in pair if part]
        what = f"the kernel fails: {told[0]}" if told else "the kernel does not compile"
        return f"{type(error).__name__}: {' '.join(what.split())[:200]}"
    return one_line(error)[:300]


def cotangent(shape: tuple[int, ...]) -> Array:
    """Return the fixed weights of the sum that is differentiated: the cosines of 0, 1, 2, …."""
    size = int(np.prod(shape))
    weights: Array = np.cos(np.arange(size)).astype(np.float32).astype(np.float64)
    return weights.reshape(shape)


def torch_side() -> Backend:
    """Import PyTorch."""
    torch = importlib.import_module("torch")
    names = {"torch": torch, "F": torch.nn.functional}
    return Backend("torch", adapt(torch.nn.Identity()), names)


def jittor_side() -> Backend:
    """Import Jittor, through `jittor_env`."""
    import jittor_env

    jt = jittor_env.load()
    return Backend("jittor", adapt(jt.nn.Identity()), {"jt": jt})


def _flat(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)) and not all(isinstance(v, (int, float)) for v in value):
        return [leaf for item in value for leaf in _flat(item)]
    return [value]


@contextmanager
def _modules_in_float64(jt: Any) -> Iterator[None]:
    """Cast each module's own float tensors when it is called: Jittor makes them float32."""
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
