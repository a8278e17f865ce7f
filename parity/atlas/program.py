"""The program that shows a finding: made of the source that was judged, and really run."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from parity.atlas.entry import Entry, parts
from parity.atlas.sides import Backend, Framework, said
from parity.base.numerics import Array, Precision

PREAMBLE = """\
import numpy as np
import torch
import torch.nn.functional as F

import jittor_env

jt = jittor_env.load()
"""
_LONGEST = 600  # characters of what a program prints that are kept


def program(
    entry: Entry,
    framework: Framework,
    source: str,
    *,
    inputs: Mapping[str, Array],
    place: str,
    precision: Precision = "float32",
) -> str:
    """Return the lines, after `PREAMBLE`, that print what one side has at a place."""
    statements, expression = parts(source)
    wanted = place.removeprefix("gradient of ") if place.startswith("gradient") else ""
    lines = ["jt.flags.auto_convert_64_to_32 = 0"] * (
        framework == "jittor" and precision == "float64"
    )
    if precision == "float64":
        lines.append("np.set_printoptions(precision=17)")
    for name, array in inputs.items():
        lines.append(f"{name} = {_tensor(framework, array, precision, name == wanted)}")
    lines += statements.splitlines()
    if entry.kind == "rule":
        lines.append(f"print({expression})")
    elif entry.kind == "random":
        seed = "torch.manual_seed(0)" if framework == "torch" else "jt.set_global_seed(0)"
        lines.insert(0, seed)
        lines.append(f"s = ({expression}).detach().numpy()")
        lines.append("print(s.mean(), s.std(), s.min(), s.max())")
    elif wanted:
        lines += _gradient(framework, expression, wanted)
    elif place == "output":
        # A schedule takes no tensors and gives none.
        shown = "result.detach().numpy()" if inputs else "result"
        lines += [f"result = {expression}", f"print({shown})"]
    else:
        lines.append(f"print(({expression})[{place.split()[-1]}].detach().numpy())")
    return "\n".join(lines)


def _gradient(framework: Framework, expression: str, wanted: str) -> list[str]:
    """Weigh each element of the result by the cosine of its number, as `sides.cotangent` does."""
    numbers = (
        "torch.arange({0}.numel())" if framework == "torch" else "jt.arange({0}.numel()).float()"
    )
    weighed = f"({{0}} * {numbers}.cos().reshape({{0}}.shape)).sum()"
    take = "torch.autograd.grad(total, {})[0]" if framework == "torch" else "jt.grad(total, {})"
    several = expression.startswith(("(", "[", "torch.chunk", "torch.split", "torch.unbind"))
    total = f"sum({weighed.format('r')} for r in result)" if several else weighed.format("result")
    return [
        f"result = {expression}",
        f"total = {total}",
        f"print({take.format(wanted)}.numpy())",
    ]


def _tensor(framework: Framework, array: Array, precision: Precision, differentiated: bool) -> str:
    values = _literal(array.tolist() if array.dtype.kind != "f" else _short(array))
    if array.size == 0:
        values = f"np.zeros({array.shape}, {str(array.dtype)!r})"
    elif array.dtype.kind == "f" and precision == "float64":
        values = f"np.float64({values})"
    if framework == "jittor":
        return f"jt.array({values})"
    return f"torch.tensor({values}{', requires_grad=True' * differentiated})"


def _short(array: Array) -> Any:
    """Nested lists of the fewest digits that still mean the same float32."""
    if array.ndim == 0:
        return float(str(np.float32(array)))
    return [_short(row) for row in array]


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return "np.nan" if math.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    return repr(value)


def printed(text: str, side: Backend) -> str:
    """Run a program of one side and return what it prints, and the exception that ends it."""
    out = io.StringIO()
    ending = ""
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        try:
            exec(compile(text, "<atlas>", "exec"), dict(side.names))
        except Exception as error:  # whatever a framework may raise is what it says
            ending = said(error)
        finally:
            np.set_printoptions(precision=8)
            if side.framework == "jittor":
                side.names["jt"].flags.auto_convert_64_to_32 = 1
    return _joined([out.getvalue().strip(), ending])


def _joined(texts: Iterable[str]) -> str:
    text = "\n".join(t for t in texts if t)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
