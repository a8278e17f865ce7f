"""Equivalent forms of a sampler's step."""

from __future__ import annotations

import math
from typing import Any

from audit.case import rewrite
from audit.correct_pairs import DDIM, DPM_SOLVER


@rewrite(DDIM)
def ddim_as_a_sum_of_both_states(stepper: Any) -> None:
    """x_{t-1} from x_0 and x_t, without the noise between them."""
    sampler = stepper.sampler
    tables, schedule = sampler.tables, sampler.diffusion.schedule
    of_x_t = tables.direction / schedule.sqrt_one_minus_alpha_bar
    of_x_0 = tables.signal - of_x_t * schedule.sqrt_alpha_bar

    def step(model: Any, x_t: Any, i: int, noise: Any) -> Any:
        x_0, _ = sampler.predict(model, x_t, i)
        return float(of_x_0[i]) * x_0 + float(of_x_t[i]) * x_t + float(tables.sigma[i]) * noise

    sampler.step = step


@rewrite(DPM_SOLVER)
def steps_of_the_log_snr(stepper: Any) -> None:
    """The solver's step by an exponential of the log-SNR, as its paper writes it."""
    sampler = stepper.sampler
    schedule = sampler.diffusion.schedule
    signals, spreads = schedule.sqrt_alpha_bar, schedule.sqrt_one_minus_alpha_bar

    def combine(line: Any, epsilon: Any, i: int) -> Any:
        if i == 0:
            return line
        x_t = float(signals[i]) * line + float(spreads[i]) * epsilon
        h = math.log(signals[i - 1] / spreads[i - 1]) - math.log(signals[i] / spreads[i])
        ratio = float(spreads[i - 1] / spreads[i])
        return ratio * x_t - float(signals[i - 1]) * math.expm1(-h) * line

    sampler.combine = combine
