"""The noise schedule's tables in exact arithmetic, to judge what floating point makes of them."""

from __future__ import annotations

from fractions import Fraction

import mpmath
from mpmath import mpf

from ddpm.config import DiffusionConfig


def exact_tables(config: DiffusionConfig) -> dict[str, list[mpf]]:
    """Compute every table with 60 digits, from the double-precision beta that both sides define.

    The betas themselves are compared with their own closed form; what follows from them is compared
    with what exact arithmetic makes of the exact betas.
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


def conditioning(exact: dict[str, list[mpf]], name: str, schedule: str) -> float:
    """Return how many ulps rounding may cost: roundings on the way, times what magnifies them.

    Linear betas are sums of two terms. Their alphas, 1 - beta, magnify an error of beta by
    beta / alpha, which is much next to 1, and alpha_bar, a product, gathers those of all steps.
    Cosine betas are 1 minus a ratio of squared cosines, which costs alpha / beta where beta is
    small and beta / alpha where alpha is; and next to pi / 2 a cosine magnifies its argument's
    rounding by x tan x, about T. 1 - alpha_bar magnifies its error by 1 / (1 - alpha_bar), largest
    at the first step, where it loses four digits for good. Roots halve what is before them.
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
    small = {
        "beta": beta,
        "alpha": alpha,
        "alpha_bar": product,
        "alpha_bar_previous": product,
        "sqrt_alpha_bar": product,
        "posterior_mean_x0": first + product / 2,
        "posterior_mean_xt": first + alpha / 2,
    }
    return float(small.get(name, first))


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
