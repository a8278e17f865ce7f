"""Builds the program that shows a finding from the source that was judged, and runs it."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from parity.atlas.backends import Backend, Framework, describe_exception, seeding
from parity.atlas.entry import Entry, split_source
from parity.atlas.finding import ComparedTensor
from parity.base.numerics import Array, Precision

PREAMBLE = """\
import numpy as np
import torch
import torch.nn.functional as F

import jittor_env

jt = jittor_env.load()
"""
_MAXIMUM_OUTPUT = 600  # characters that are kept


def build_program(
    entry: Entry,
    framework: Framework,
    *,
    inputs: Mapping[str, Array],
    tensor: ComparedTensor,
    precision: Precision = "float32",
    several_outputs: bool = False,
) -> str:
    """Return the lines, after `PREAMBLE`, that print what one framework has for a tensor.

    Args:
        entry: the entry.
        framework: whose source is shown.
        inputs: name -> array.
        tensor: the output, gradient or value that is printed.
        precision: of the inputs.
        several_outputs: whether the source's value is a sequence of tensors.
    """
    statements, expression = split_source(entry.torch if framework == "torch" else entry.jittor)
    with_respect_to = tensor.label if tensor.quantity == "gradient" else ""
    lines = []
    if precision == "float64":
        if framework == "jittor":
            lines.append("jt.flags.auto_convert_64_to_32 = 0")
        lines.append("np.set_printoptions(precision=17)")
    for name, array in inputs.items():
        lines.append(f"{name} = {_tensor(framework, array, precision, name == with_respect_to)}")
    lines += statements.splitlines()
    if entry.kind == "rule":
        lines.append(f"print({expression})")
    elif entry.kind == "random":
        lines.insert(0, seeding(framework))
        lines.append(f"s = ({expression}).detach().numpy()")
        lines.append("print(s.mean(), s.std(), s.min(), s.max())")
    elif with_respect_to:
        lines += _gradient(framework, expression, with_respect_to, several_outputs)
    elif tensor.label:
        lines.append(f"print(({expression})[{tensor.label}].detach().numpy())")
    else:
        # A learning-rate schedule takes no tensors and returns numbers.
        printed = "result.detach().numpy()" if inputs else "result"
        lines += [f"result = {expression}", f"print({printed})"]
    return "\n".join(lines)


def _gradient(
    framework: Framework, expression: str, with_respect_to: str, several_outputs: bool
) -> list[str]:
    """Differentiate the sum of each element times the cosine of its number, as `cotangent` does."""
    numbers = (
        "torch.arange({0}.numel())" if framework == "torch" else "jt.arange({0}.numel()).float()"
    )
    weighted = f"({{0}} * {numbers}.cos().reshape({{0}}.shape)).sum()"
    gradient = "torch.autograd.grad(total, {})[0]" if framework == "torch" else "jt.grad(total, {})"
    total = (
        f"sum({weighted.format('r')} for r in result)"
        if several_outputs
        else weighted.format("result")
    )
    return [
        f"result = {expression}",
        f"total = {total}",
        f"print({gradient.format(with_respect_to)}.numpy())",
    ]


def _tensor(framework: Framework, array: Array, precision: Precision, differentiated: bool) -> str:
    values = _literal(array.tolist() if array.dtype.kind != "f" else _shortest(array))
    if array.size == 0:
        values = f"np.zeros({array.shape}, {str(array.dtype)!r})"
    elif array.dtype.kind == "f" and precision == "float64":
        values = f"np.float64({values})"
    if framework == "jittor":
        return f"jt.array({values})"
    return f"torch.tensor({values}{', requires_grad=True' * differentiated})"


def _shortest(array: Array) -> Any:
    """Return nested lists of the shortest decimals that give the same float32."""
    if array.ndim == 0:
        return float(str(np.float32(array)))
    return [_shortest(row) for row in array]


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return "np.nan" if math.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    return repr(value)


def run_program(text: str, backend: Backend) -> str:
    """Run a program and return what it prints, and the exception that ends it if there is one."""
    out = io.StringIO()
    exception = ""
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        try:
            exec(compile(text, "<atlas>", "exec"), dict(backend.names))
        except Exception as error:  # any exception of a framework is part of the output
            exception = describe_exception(error)
        finally:
            np.set_printoptions(precision=8)
            if backend.framework == "jittor":
                backend.names["jt"].flags.auto_convert_64_to_32 = 1
    return _shortened([out.getvalue().strip(), exception])


def _shortened(texts: Iterable[str]) -> str:
    text = "\n".join(t for t in texts if t)
    return text if len(text) <= _MAXIMUM_OUTPUT else f"{text[:_MAXIMUM_OUTPUT]} …"
