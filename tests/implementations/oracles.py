"""Independent closed forms by which both implementations are judged: mpmath and NumPy alone.

Derivatives are written out by hand, in extended precision, so that they share nothing with any
framework's automatic ones.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable, Mapping

import mpmath
import numpy as np
from numpy.typing import NDArray

from ddpm.config import DiffusionConfig, TrainConfig, UNetConfig

Arrays = Mapping[str, np.ndarray]

# The structure of the preset `tiny`, small enough for finite differences.
SMALL = UNetConfig(
    image_size=8,
    image_channels=1,
    base_channels=8,
    channel_multipliers=(1, 2),
    blocks_per_level=1,
    attention_resolutions=(4,),
    norm_groups=4,
    dropout=0.1,
)

DIFFUSIONS = {
    "paper": DiffusionConfig(),
    "paper, small variance": DiffusionConfig(variance="fixed_small"),
    "tiny": DiffusionConfig(T=100, beta_start=1e-3, beta_end=0.2),
    "cosine": DiffusionConfig(schedule="cosine"),
    "cosine, small variance": DiffusionConfig(schedule="cosine", T=50, variance="fixed_small"),
    "two steps": DiffusionConfig(T=2),
    "two cosine steps": DiffusionConfig(T=2, schedule="cosine", variance="fixed_small"),
    "one step": DiffusionConfig(T=1),
    "one cosine step": DiffusionConfig(T=1, schedule="cosine", variance="fixed_small"),
}


def error(actual: np.ndarray, expected: np.ndarray, scale: float | None = None) -> float:
    """Return the largest difference relative to the largest expected value; NaN counts as inf."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, (actual.shape, expected.shape)
    if not np.isfinite(actual).all():
        return math.inf
    scale = float(np.abs(expected).max()) if scale is None else scale
    return float(np.abs(actual - expected).max()) / (scale or 1.0)


def worst(actual: Arrays, expected: Arrays) -> float:
    """Return the largest `error` over equally named arrays."""
    assert actual.keys() == expected.keys()
    return max(error(actual[name], expected[name]) for name in expected)


def same_bits(one: Arrays, other: Arrays) -> bool:
    """Whether equally named arrays are equal in names, dtype and every bit."""
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and one[name].tobytes() == other[name].tobytes()
        for name in one
    )


def random_arrays(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    """Draw float64 arrays of standard normals, for directions and gradients."""
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def off_zero(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    """Draw weights for a U-Net in which no layer is zero and every part shows in the output."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in shapes.items():
        fan_in = math.prod(shape[1:])
        draw = rng.standard_normal(shape) / math.sqrt(fan_in)
        is_norm = len(shape) == 1 and name.endswith("weight")
        weights[name] = 1 + 0.2 * draw if is_norm else draw if len(shape) > 1 else 0.2 * draw
    return weights


def images(count: int, seed: int, channels: int = 1, size: int = 8) -> NDArray[np.float32]:
    """Draw float32 (count, channels, size, size) in [-1, 1]."""
    draw = np.random.default_rng(seed).uniform(-1, 1, (count, channels, size, size))
    return draw.astype(np.float32)


def derivative(
    function: Callable[[dict[str, np.ndarray]], float], at: Arrays, along: Arrays, step: float
) -> float:
    """Return the derivative along a direction, by central differences of sixth order."""

    def displaced(k: int) -> float:
        return function({name: at[name] + k * step * along[name] for name in at})

    weights = ((1, 45), (2, -9), (3, 1))
    return math.fsum(w * (displaced(k) - displaced(-k)) for k, w in weights) / (60 * step)


def sinusoids(timesteps: np.ndarray, channels: int) -> np.ndarray:
    """Return sin(t f_i), cos(t f_i) with f_i = 10000^(-i / (half - 1)), from 50 digits."""
    half = channels // 2
    with mpmath.workdps(50):
        phases = [
            [
                mpmath.mpf(int(t)) * mpmath.power(10000, -mpmath.mpf(i) / (half - 1))
                for i in range(half)
            ]
            for t in timesteps
        ]
        rows = [[*map(mpmath.sin, row), *map(mpmath.cos, row)] for row in phases]
        return np.array([[float(value) for value in row] for row in rows])


@functools.cache
def schedule(
    config: DiffusionConfig, timesteps: tuple[int, ...] | None = None
) -> dict[str, np.ndarray]:
    """Return every table of `Schedule`, from 50 digits, rounded once to float64.

    Over some timesteps only, alpha of a row is the product of all alphas since the row before.
    """
    with mpmath.workdps(50):
        one, T = mpmath.mpf(1), config.T
        if config.schedule == "linear":
            start, end = mpmath.mpf(config.beta_start), mpmath.mpf(config.beta_end)
            beta = [start + (end - start) * i / max(T - 1, 1) for i in range(T)]
        else:
            offset = mpmath.mpf("0.008")
            angles = [(mpmath.mpf(i) / T + offset) / (1 + offset) for i in range(T + 1)]
            curve = [mpmath.cos(angle * mpmath.pi / 2) ** 2 for angle in angles]
            most = mpmath.mpf("0.999")
            beta = [min(1 - curve[i + 1] / curve[i], most) for i in range(T)]
        alpha = [one - b for b in beta]
        if timesteps is not None:
            edges = itertools.pairwise((-1, *timesteps))
            alpha = [mpmath.fprod(alpha[a + 1 : b + 1]) for a, b in edges]
            beta = [one - a for a in alpha]
        bar = list(itertools.accumulate(alpha, operator.mul))
        previous = [one, *bar[:-1]]
        variance = [b * (1 - p) / (1 - a) for b, p, a in zip(beta, previous, bar, strict=True)]
        spread = variance if config.variance == "fixed_small" else beta
        tables = {
            "beta": beta,
            "alpha": alpha,
            "alpha_bar": bar,
            "alpha_bar_previous": previous,
            "sqrt_alpha_bar": [mpmath.sqrt(a) for a in bar],
            "sqrt_one_minus_alpha_bar": [mpmath.sqrt(1 - a) for a in bar],
            "posterior_variance": variance,
            "posterior_mean_x0": [
                b * mpmath.sqrt(p) / (1 - a) for b, p, a in zip(beta, previous, bar, strict=True)
            ],
            "posterior_mean_xt": [
                mpmath.sqrt(k) * (1 - p) / (1 - a)
                for k, p, a in zip(alpha, previous, bar, strict=True)
            ],
            "sigma": [mpmath.mpf(0), *(mpmath.sqrt(value) for value in spread[1:])],
        }
        return {name: np.array([float(v) for v in row]) for name, row in tables.items()}


def posterior_mean(
    config: DiffusionConfig,
    x_0: np.ndarray,
    x_t: np.ndarray,
    t: int,
    timesteps: tuple[int, ...] | None = None,
) -> np.ndarray:
    """Return the mean of q(x_{t-1} | x_t, x_0) as Bayes' rule has it: precisions add; t >= 1."""
    tables = schedule(config, timesteps)
    beta, previous = tables["beta"][t], tables["alpha_bar_previous"][t]
    alpha = tables["alpha"][t]
    prior, likelihood = 1 / (1 - previous), alpha / beta
    weighted = prior * math.sqrt(previous) * x_0 + likelihood / math.sqrt(alpha) * x_t
    return weighted / (prior + likelihood)


def adam(
    start: Arrays,
    gradients: list[dict[str, np.ndarray]],
    rates: list[float],
    config: TrainConfig,
    *,
    epsilon_hat: bool = False,
) -> dict[str, np.ndarray]:
    """Return the weights after clipped steps of Adam (Kingma & Ba 2015, algorithm 1).

    With `epsilon_hat` epsilon is added before the bias correction, the form that is a fault here.
    """
    beta1, beta2 = config.betas
    weights = {name: value.astype(np.float64) for name, value in start.items()}
    first = {name: np.zeros_like(value) for name, value in weights.items()}
    second = {name: np.zeros_like(value) for name, value in weights.items()}
    for n, (step, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        scale = min(config.clip_norm / (norm(step) + 1e-6), 1.0)
        for name, weight in weights.items():
            gradient = step[name] * scale
            first[name] = beta1 * first[name] + (1 - beta1) * gradient
            second[name] = beta2 * second[name] + (1 - beta2) * gradient**2
            mean = first[name] / (1 - beta1**n)
            root = np.sqrt(second[name] / (1 - beta2**n))
            late = config.epsilon / math.sqrt(1 - beta2**n) if epsilon_hat else config.epsilon
            weights[name] = weight - rate * mean / (root + late)
    return weights


def norm(arrays: Arrays) -> float:
    """Return the joint 2-norm of all arrays."""
    return math.sqrt(
        math.fsum(float((value.astype(np.float64) ** 2).sum()) for value in arrays.values())
    )


def silu(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x sigmoid(x) and its derivative, from 50 digits."""
    with mpmath.workdps(50):
        values, slopes = [], []
        for item in x.ravel():
            point = mpmath.mpf(float(item))
            sigmoid = 1 / (1 + mpmath.exp(-point))
            values.append(float(point * sigmoid))
            slopes.append(float(sigmoid * (1 + point * (1 - sigmoid))))
    return np.reshape(values, x.shape), np.reshape(slopes, x.shape)


def group_norm(
    x: np.ndarray, groups: int, weight: np.ndarray, bias: np.ndarray, epsilon: float, up: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the output and, for the gradient `up` of it, those of x, weight and bias."""
    N, C = x.shape[:2]
    wide = np.longdouble
    w = weight.astype(wide).reshape(1, C, 1, 1)
    grouped = x.astype(wide).reshape(N, groups, -1)
    centred = grouped - grouped.mean(2, keepdims=True)
    deviation = np.sqrt((centred**2).mean(2, keepdims=True) + wide(epsilon))
    normal = centred / deviation
    back = (up.astype(wide) * w).reshape(N, groups, -1)
    inner = back - back.mean(2, keepdims=True) - normal * (back * normal).mean(2, keepdims=True)
    shaped = normal.reshape(x.shape)
    return {
        "out": shaped * w + bias.astype(wide).reshape(1, C, 1, 1),
        "x": (inner / deviation).reshape(x.shape),
        "weight": (up * shaped).sum((0, 2, 3)),
        "bias": up.astype(wide).sum((0, 2, 3)),
    }


def attention(
    query: np.ndarray, key: np.ndarray, value: np.ndarray, up: np.ndarray
) -> dict[str, np.ndarray]:
    """Return softmax(Q K^T / sqrt(C)) V and, for the gradient `up` of it, those of Q, K and V."""
    q, k, v, g = (array.astype(np.longdouble) for array in (query, key, value, up))
    scale = 1 / np.sqrt(np.longdouble(q.shape[-1]))
    scores = scale * np.einsum("nic,njc->nij", q, k)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    back = np.einsum("nic,njc->nij", g, v)
    back = scale * weights * (back - (back * weights).sum(-1, keepdims=True))
    return {
        "out": np.einsum("nij,njc->nic", weights, v),
        "query": np.einsum("nij,njc->nic", back, k),
        "key": np.einsum("nij,nic->njc", back, q),
        "value": np.einsum("nij,nic->njc", weights, g),
    }


def convolution(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    up: np.ndarray,
    stride: int,
    padding: int,
) -> dict[str, np.ndarray]:
    """Return the convolution and, for the gradient `up` of it, those of x, weight and bias."""
    x, weight, bias, up = (array.astype(np.longdouble) for array in (x, weight, bias, up))
    edges = (padding, padding)
    padded = np.pad(x, ((0, 0), (0, 0), edges, edges))
    out, slope_x, slope_weight = np.zeros_like(up), np.zeros_like(padded), np.zeros_like(weight)
    for i, j in np.ndindex(*weight.shape[2:]):
        rows, columns = (
            slice(at, at + stride * size, stride)
            for at, size in zip((i, j), up.shape[2:], strict=True)
        )
        part = padded[:, :, rows, columns]
        out += np.einsum("nchw,oc->nohw", part, weight[:, :, i, j])
        slope_weight[:, :, i, j] = np.einsum("nchw,nohw->oc", part, up)
        slope_x[:, :, rows, columns] += np.einsum("nohw,oc->nchw", up, weight[:, :, i, j])
    H, W = x.shape[2:]
    return {
        "out": out + bias[:, None, None],
        "x": slope_x[:, :, padding : padding + H, padding : padding + W],
        "weight": slope_weight,
        "bias": up.sum((0, 2, 3)),
    }
