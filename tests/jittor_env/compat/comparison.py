"""Comparison of functions and layers of `jittor_env.compat` with PyTorch's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

import jittor_env
from parity import Pair, Report, Verdict, check

jt = jittor_env.load()
Array = np.ndarray[Any, Any]
Draw = Callable[[np.random.Generator], Any]
EPS = {"float64": 2.0**-52, "float32": 2.0**-23}


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Let Jittor keep float64; nothing else of it is changed."""
    with jt.flag_scope(auto_convert_64_to_32=int(dtype == "float32")):
        yield


def error(of_torch: Any, of_jittor: Any, *arrays: Any, dtype: str = "float64") -> float:
    """Return the largest difference from PyTorch in float64, of values and gradients.

    Args:
        of_torch: function of tensors that returns a tensor or a tuple of tensors.
        of_jittor: likewise, of Vars.
        arrays: the arguments; floating ones are cast to `dtype` and differentiated.
        dtype: of the run in Jittor.

    Returns:
        In units of the last place of `dtype`, relative to the largest number of each result.
    """
    expected = _of_torch(of_torch, [_cast(a, "float64") for a in arrays])
    with precision(dtype):
        actual = _of_jittor(of_jittor, [_cast(a, dtype) for a in arrays])
    assert len(actual) == len(expected)
    return max(_distance(a, e) for a, e in zip(actual, expected, strict=True)) / EPS[dtype]


def _cast(array: Any, dtype: str) -> Array:
    array = np.asarray(array)
    # Both precisions start from numbers that float32 has.
    return array.astype(np.float32).astype(dtype) if array.dtype.kind == "f" else array


def _distance(actual: Array, expected: Array) -> float:
    if actual.size != expected.size:
        return float("inf")
    actual = actual.reshape(expected.shape)  # Jittor has no arrays without dimensions
    if not np.array_equal(np.isfinite(actual), np.isfinite(expected)):
        return float("inf")
    same = np.where(np.isfinite(expected), 0, expected)
    if not np.array_equal(same, np.where(np.isfinite(actual), 0, actual), equal_nan=True):
        return float("inf")
    both = [np.where(np.isfinite(a), a, 0).astype(np.float64) for a in (actual, expected)]
    scale = max(np.abs(both[1]).max(initial=0), 1e-300)
    return float(np.abs(both[0] - both[1]).max(initial=0) / scale)


def _cotangents(outputs: list[Any]) -> list[Array]:
    rng = np.random.default_rng(1)
    return [rng.standard_normal(tuple(output.shape)) for output in outputs]


def _listed(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (tuple, list)) else [result]


def _of_torch(function: Any, arrays: list[Array]) -> list[Array]:
    tensors = [torch.from_numpy(a).requires_grad_(a.dtype.kind == "f") for a in arrays]
    outputs = _listed(function(*tensors))
    floats = [o for o in outputs if o.requires_grad]
    results = [o.detach().numpy() for o in outputs]
    if floats:
        cotangents = [torch.from_numpy(c) for c in _cotangents(floats)]
        torch.autograd.backward(floats, cotangents)
    return results + [
        np.zeros(a.shape) if t.grad is None else t.grad.numpy()
        for a, t in zip(arrays, tensors, strict=True)
        if a.dtype.kind == "f"
    ]


def _of_jittor(function: Any, arrays: list[Array]) -> list[Array]:
    inputs = [jt.array64(a.reshape(a.shape or (1,))) for a in arrays]
    outputs = _listed(function(*inputs))
    floats = [o for o in outputs if o.dtype.is_float() and not o.is_stop_grad()]
    results = [o.numpy() for o in outputs]
    wanted = [v for v, a in zip(inputs, arrays, strict=True) if a.dtype.kind == "f"]
    if not floats:
        return results + [np.zeros(tuple(v.shape)) for v in wanted]
    total = sum(
        (o * jt.array64(c.astype(str(o.dtype)).reshape(o.shape))).sum()
        for o, c in zip(floats, _cotangents(floats), strict=True)
    )
    return results + [g.numpy() for g in jt.grad(total, wanted)]


def compared(reference: Any, candidate: Any, inputs: Draw, **options: Any) -> Report:
    """Let the harness compare two builders of modules, PyTorch's with fixed weights."""

    def seeded() -> Any:
        torch.manual_seed(0)
        return reference()

    settings: dict[str, Any] = {"training": True, **options}
    return check(
        Pair(name="compat", reference=seeded, candidate=candidate, inputs=inputs, **settings)
    )


def agrees(report: Report) -> bool:
    """Tell whether a report has neither a fault nor a place where the candidate is less exact."""
    weaker = any(f.verdict is Verdict.NUMERICALLY_WEAKER for f in report.findings)
    return report.passed and not weaker


def normal(*shape: int, mean: float = 0.0) -> Draw:
    """Return inputs of a pair: normal numbers of one shape."""
    return lambda rng: (rng.standard_normal(shape) + mean).astype(np.float32)
