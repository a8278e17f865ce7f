"""Recognises common mistakes in a wrong tensor, by trying transformations of the correct one.

Everything is computed in float64, on arrays alone. A transformation is offered only if it turns the
reference's tensor into the candidate's to within `RESEMBLANCE` of the largest value, which hardly
happens by chance. It is a hint nevertheless, because two mistakes can have the same effect.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from parity.base.numerics import Array, distance, magnitude
from parity.limits import RESEMBLANCE

# Magnitude from which one element hides all others, or products overflow: nothing is tried.
LARGEST = 1e30
# Number of elements on which elementwise functions are tried.
SAMPLE = 4096


def resembles(a: Array, b: Array) -> bool:
    """Tell whether two arrays are the same but for rounding in float64."""
    return a.shape == b.shape and distance(a, b) <= RESEMBLANCE * magnitude(b)


def signature(reference: Array, candidate: Array, nearby: Mapping[str, Array]) -> str:
    """Describe the candidate's tensor in terms of the reference's; `""` if nothing fits.

    Args:
        reference: float64.
        candidate: float64, of the same shape, different.
        nearby: the tensors computed just before, by name, the latest last; float64.
    """
    if reference.size < 2 or not magnitude(np.stack([reference, candidate])) < LARGEST:
        return ""
    # A guess has to come a hundred times closer than the reference itself.
    if distance(reference, candidate) <= 100 * RESEMBLANCE * magnitude(candidate):
        return ""
    tries = (
        _constant(reference, candidate),
        _scale_or_offset(reference, candidate),
        _order(reference, candidate),
        _residual(reference, candidate, nearby),
        _activation(reference, candidate, nearby),
        _softmax(reference, candidate, nearby),
        _along_axis(reference, candidate),
        _clamped(reference, candidate),
        _precision(reference, candidate),
    )
    return next(itertools.chain.from_iterable(tries), "")


def _constant(r: Array, c: Array) -> Iterator[str]:
    if not c.any():
        yield "it is zero everywhere: a connection is cut, or a factor is zero"
    elif np.ptp(c) == 0:
        yield f"it is {c.flat[0]:.6g} everywhere"


def _precision(r: Array, c: Array) -> Iterator[str]:
    with np.errstate(over="ignore"):
        single = c.astype(np.float32)
        if (single == c).all() and not (r.astype(np.float32) == r).all():
            error = distance(r, c) / magnitude(r)
            if not (single.view(np.uint32) & 0xFFFF).any():
                if error <= 2.0**-7:
                    yield "its values are bfloat16's: a detour through bfloat16"
            elif (single.astype(np.float16) == single).all():
                if error <= 2.0**-10:
                    yield "its values are float16's: a detour through half precision"
            elif error <= 2.0**-23:
                yield "its values are float32's, although it runs in float64: a cast"


def _scale_or_offset(r: Array, c: Array) -> Iterator[str]:
    factor = float(np.vdot(r, c) / np.vdot(r, r)) if r.any() else 0.0
    if resembles(factor * r, c):
        yield f"it is the reference's times {_number(factor)}{_familiar(factor, r.shape)}"
    offset = float(np.mean(c - r))
    if resembles(r + offset, c):
        yield f"it is the reference's plus {offset:.7g}"
    # A mean over one more axis, a bias added twice, an output scaled and shifted.
    slope, intercept = np.polyfit(r.ravel(), c.ravel(), 1) if np.ptp(r) > 0 else (0.0, 0.0)
    if resembles(slope * r + intercept, c):
        yield f"it is the reference's times {_number(slope)} plus {intercept:.7g}"


def _number(factor: float) -> str:
    """Return a factor with digits that tell it from 1."""
    is_close_to_one = 0 < abs(factor - 1) < 1e-6
    return (
        f"1 {'-' if factor < 1 else '+'} {abs(factor - 1):.3g}"
        if is_close_to_one
        else (f"{factor:.7g}")
    )


def _familiar(factor: float, shape: tuple[int, ...]) -> str:
    """Name a factor that is a size, its root or one over either."""
    if math.isclose(factor, -1, rel_tol=RESEMBLANCE):
        return ": the sign is reversed"
    for size in sorted({*shape, math.prod(shape)} - {0, 1}):
        for power, text in ((1, f"{size}"), (0.5, f"sqrt({size})")):
            for sign, over in ((1, ""), (-1, "1/")):
                if math.isclose(factor, size ** (sign * power), rel_tol=RESEMBLANCE):
                    return f", which is {over}{text}: a scale, or a mean for a sum"
    return ""


def _order(r: Array, c: Array) -> Iterator[str]:
    for axes in itertools.permutations(range(r.ndim)) if r.ndim <= 4 else ():
        if axes != tuple(range(r.ndim)) and resembles(r.transpose(axes), c):
            yield f"its axes are in the order {axes}: transposed"
    for axis in range(r.ndim):
        if r.shape[axis] > 1 and resembles(np.flip(r, axis), c):
            yield f"it is reversed along axis {axis}"
        for steps in (1, -1) if r.shape[axis] > 2 else ():
            inner = [slice(None)] * r.ndim
            inner[axis] = slice(1, None) if steps == 1 else slice(None, -1)
            if resembles(np.roll(r, steps, axis)[tuple(inner)], c[tuple(inner)]):
                yield f"it is shifted by {steps:+d} along axis {axis}: off by one"
        half = r.shape[axis] // 2
        if r.shape[axis] == 2 * half > 2 and resembles(np.roll(r, half, axis), c):
            yield f"the two halves of axis {axis} are swapped"
    if resembles(np.sort(r, axis=None), np.sort(c, axis=None)):
        yield "it has the same numbers in another order"


def _residual(r: Array, c: Array, nearby: Mapping[str, Array]) -> Iterator[str]:
    alike = {n: x for n, x in reversed(list(nearby.items())) if x.shape == r.shape and x.any()}
    for name, other in alike.items():
        if resembles(r - other, c):
            yield f"it is the reference's without {name}: a residual connection"
        if resembles(r + other, c):
            yield f"it is the reference's with one more of {name}: a residual connection"
        if resembles(r * other, c):
            yield f"it is the reference's times {name}: one product too many"
        if resembles(c * other, r):
            yield f"times {name} it is the reference's: a product is missing"
    for name, other in alike.items():
        if resembles(other, c):
            yield f"it is {name}, unchanged"


def _elementwise() -> dict[str, Callable[[Array], Array]]:
    erf = np.vectorize(math.erf, otypes=[np.float64])
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    return {
        "the identity": lambda x: x,
        "ReLU": lambda x: np.maximum(x, 0),
        "ReLU6": lambda x: np.clip(x, 0, 6),
        "LeakyReLU with slope 0.01": lambda x: np.where(x > 0, x, 0.01 * x),
        "LeakyReLU with slope 0.1": lambda x: np.where(x > 0, x, 0.1 * x),
        "LeakyReLU with slope 0.2": lambda x: np.where(x > 0, x, 0.2 * x),
        "ELU": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        "SiLU": lambda x: x * sigmoid(x),
        "GELU (erf)": lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
        "GELU (tanh)": lambda x: x * sigmoid((x + 0.044715 * x**3) * math.sqrt(8 / np.pi)),
        "GELU (x sigmoid(1.702 x))": lambda x: x * sigmoid(1.702 * x),
        "tanh": np.tanh,
        "sigmoid": sigmoid,
        "hard sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
        "hard swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
        "softplus": lambda x: np.logaddexp(x, 0),
        "Mish": lambda x: x * np.tanh(np.logaddexp(x, 0)),
        "exp": np.exp,
        "square": np.square,
        "absolute value": np.abs,
        "the sine": np.sin,
        "the cosine": np.cos,
    }  # fmt: skip


def _activation(r: Array, c: Array, nearby: Mapping[str, Array]) -> Iterator[str]:
    few = slice(0, SAMPLE)
    functions = _elementwise()
    for name, other in reversed(list(nearby.items())):
        if other.shape != r.shape:
            continue
        with np.errstate(all="ignore"):
            values = {f: function(other.ravel()[few]) for f, function in functions.items()}
        of_r = [f for f, value in values.items() if resembles(value, r.ravel()[few])]
        of_c = [f for f, value in values.items() if resembles(value, c.ravel()[few])]
        if of_r and of_c:
            candidate, reference = " or ".join(of_c), " or ".join(of_r)
            yield f"it is {candidate} of {name}, the reference's is {reference}"


def _softmax(r: Array, c: Array, nearby: Mapping[str, Array]) -> Iterator[str]:
    for name, other in reversed(list(nearby.items())):
        if other.shape != r.shape or not other.ndim:
            continue
        with np.errstate(all="ignore"):
            grown = np.exp(other - other.max())
            axes = range(other.ndim)
            values = [grown / grown.sum(axis, keepdims=True) for axis in axes]
        of_r = [axis for axis in axes if resembles(values[axis], r)]
        of_c = [axis for axis in axes if resembles(values[axis], c)]
        if of_r and of_c:
            yield f"it is softmax of {name} over axis {of_c[0]}, the reference's over {of_r[0]}"


def _along_axis(r: Array, c: Array) -> Iterator[str]:
    """Tell whether every slice along one axis has its own factor, or its own offset."""
    for axis in range(r.ndim) if r.ndim > 1 else ():
        others = tuple(i for i in range(r.ndim) if i != axis)
        if r.size // r.shape[axis] < 3:
            continue
        offset = np.mean(c - r, axis=others, keepdims=True)
        if resembles(r + offset, c):
            yield f"each index of axis {axis} has its own offset: a bias, or a mean over other axes"
        squares = np.sum(r * r, axis=others, keepdims=True)
        factor = np.sum(r * c, axis=others, keepdims=True) / np.where(squares > 0, squares, 1)
        if resembles(r * factor, c):
            yield (
                f"each index of axis {axis} has its own factor: a weight, or a norm over other axes"
            )


def _clamped(r: Array, c: Array) -> Iterator[str]:
    low, high = float(c.min()), float(c.max())
    if low < high and resembles(np.clip(r, low, high), c):
        limits = []
        if r.max() > high:
            limits.append(f"at most {high:.6g}")
        if r.min() < low:
            limits.append(f"at least {low:.6g}")
        yield f"it is clamped to {' and '.join(limits)}"
