"""The noise schedule's tables in exact arithmetic, to judge their floating-point values."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import mpmath
from mpmath import mpf

from ddpm.config import DiffusionConfig, SampleConfig

TABLES = (
    "beta",
    "alpha",
    "alpha_bar",
    "alpha_bar_previous",
    "sqrt_alpha_bar",
    "sqrt_one_minus_alpha_bar",
    "posterior_variance",
    "posterior_mean_x0",
    "posterior_mean_xt",
    "sigma",
)
SAMPLER_TABLES = ("signal", "direction", "sigma", "extrapolation")


def exact_tables(config: DiffusionConfig) -> dict[str, list[mpf]]:
    """Compute every table of a configuration with mpmath's current precision.

    Every table follows from the exact betas of the closed form, not from rounded ones.

    Returns:
        table -> its T values, by the attribute names of `impl_torch.schedule.Schedule`.
    """
    beta = _linear(config) if config.schedule == "linear" else _cosine(config)
    alpha = [1 - b for b in beta]
    bar = [mpmath.fprod(alpha[: t + 1]) for t in range(config.T)]
    before = [mpf(1), *bar[:-1]]
    variance = [b * (1 - p) / (1 - a) for b, p, a in zip(beta, before, bar, strict=True)]
    spread = variance if config.variance == "fixed_small" else beta
    return {
        "beta": beta,
        "alpha": alpha,
        "alpha_bar": bar,
        "alpha_bar_previous": before,
        "sqrt_alpha_bar": [mpmath.sqrt(a) for a in bar],
        "sqrt_one_minus_alpha_bar": [mpmath.sqrt(1 - a) for a in bar],
        "posterior_variance": variance,
        "posterior_mean_x0": [
            b * mpmath.sqrt(p) / (1 - a) for b, p, a in zip(beta, before, bar, strict=True)
        ],
        "posterior_mean_xt": [
            mpmath.sqrt(q) * (1 - p) / (1 - a) for q, p, a in zip(alpha, before, bar, strict=True)
        ],
        "sigma": [mpf(0), *(mpmath.sqrt(s) for s in spread[1:])],
    }


def exact_and_limits(config: DiffusionConfig) -> dict[str, tuple[list[mpf], float]]:
    """Return each table's exact values, and how many ulps rounding may cost."""
    exact = exact_tables(config)
    return {name: (exact[name], conditioning(exact, name, config.schedule)) for name in exact}


def exact_sampler_tables(config: DiffusionConfig, sample: SampleConfig) -> dict[str, list[mpf]]:
    """Compute the coefficients of DDIM and DPM-Solver++ as the papers write them.

    Returns:
        table -> its S values, by the attribute names of `impl_torch.schedule.SamplerTables`.
    """
    every, eta = exact_tables(config)["alpha_bar"], mpf(sample.eta or 0)
    bar = [every[t] for t in sample.timesteps(config.T)]
    before = [mpf(1), *bar[:-1]]
    variance = [eta**2 * (1 - p) / (1 - a) * (1 - a / p) for p, a in zip(before, bar, strict=True)]
    log_snr = [mpmath.log(a / (1 - a)) / 2 for a in bar]
    steps = [mpmath.inf, *(after - t for after, t in pairwise(log_snr))]
    inner = [h / (2 * earlier) for h, earlier in pairwise(steps[1:])]
    return {
        "signal": [mpmath.sqrt(p) for p in before],
        "direction": [mpmath.sqrt(1 - p - v) for p, v in zip(before, variance, strict=True)],
        "sigma": [mpmath.sqrt(v) for v in variance],
        "extrapolation": [mpf(0), *inner, mpf(0)][: len(bar)],
    }


def exact_sampler_tables_and_limits(
    config: DiffusionConfig, sample: SampleConfig
) -> dict[str, tuple[list[mpf], float]]:
    """Return each sampler table's exact values, and how many ulps rounding may cost.

    All follow from alpha_bar, whose error 1 - alpha_bar magnifies; without differences of close
    numbers, they lose no more than two of its factors together. Over some timesteps alpha_bar is
    the product of 1 - beta anew, which magnifies an error of beta by up to 1 / alpha.
    """
    exact, schedule = exact_sampler_tables(config, sample), exact_tables(config)
    kept = [(after / before) ** 2 for before, after in pairwise(exact["signal"])]
    last = schedule["alpha_bar"][-1] / exact["signal"][-1] ** 2
    product = conditioning(schedule, "alpha_bar", config.schedule)
    product += float(8 * sum(1 / alpha for alpha in (*kept, last)))
    limit = 2 * max(conditioning(schedule, "sigma", config.schedule), product)
    return {
        name: (values, product if name == "signal" else limit) for name, values in exact.items()
    }


def conditioning(exact: dict[str, list[mpf]], name: str, schedule: str) -> float:
    """Return how many ulps rounding may cost: the number of roundings, times their magnification.

    Linear betas are sums of two terms. Their alphas, 1 - beta, magnify an error of beta by
    beta / alpha, which is large where alpha is small, and alpha_bar, a product, accumulates the
    errors of all steps. Cosine betas are 1 minus a ratio of squared cosines, which magnifies errors
    by alpha / beta where beta is small and by beta / alpha where alpha is small; near pi / 2 a
    cosine magnifies its argument's rounding by x tan x, about T. 1 - alpha_bar magnifies its error
    by 1 / (1 - alpha_bar), most at the first step, where it loses four digits. A square root halves
    the relative error of its argument.

    Args:
        exact: tables of `exact_tables`.
        name: of the table.
        schedule: `linear` or `cosine`.
    """
    T, roundings = len(exact["beta"]), 8
    ratios = [a / b for a, b in zip(exact["alpha"], exact["beta"], strict=True)]
    first = roundings / (1 - exact["alpha_bar"][0])
    if schedule == "linear":
        beta, alpha = roundings, roundings * max(1, 1 / min(ratios))
        product = roundings * sum(max(1, 1 / ratio) for ratio in ratios)
    else:
        beta, alpha = roundings * max(ratios), roundings * max(T, 1 / min(ratios))
        product = roundings * T
    limits = {
        "beta": beta,
        "alpha": alpha,
        "alpha_bar": product,
        "alpha_bar_previous": product,
        "sqrt_alpha_bar": product,
        "posterior_mean_x0": first + product / 2,
        "posterior_mean_xt": first + alpha / 2,
    }
    return float(limits.get(name, first))


def _linear(config: DiffusionConfig) -> list[mpf]:
    start, end = Fraction(config.beta_start), Fraction(config.beta_end)
    steps = max(config.T - 1, 1)  # a single step has beta_start
    values = [start + (end - start) * t / steps for t in range(config.T)]
    return [mpf(value.numerator) / value.denominator for value in values]


def _cosine(config: DiffusionConfig) -> list[mpf]:
    offset = mpf("0.008")
    bar = [
        mpmath.cos((mpf(t) / config.T + offset) / (1 + offset) * mpmath.pi / 2) ** 2
        for t in range(config.T + 1)
    ]
    return [min(1 - bar[t + 1] / bar[t], mpf("0.999")) for t in range(config.T)]
