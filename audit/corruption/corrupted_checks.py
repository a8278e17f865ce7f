"""Each check of `pytest parity` again, on a corrupted candidate: it must fail.

A check that passes on a corrupted candidate proves nothing. A check runs once for every kind of
thing that it compares and every corruption. There pairs run with their first stress input, and
trajectories their first step or the first step of a free run: findings only add up, so what fails
there fails in the whole check. Then it runs once more, with every single tensor corrupted in turn
(`audit.corruption.exhaustive`); of a training the first five steps.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from audit.case import Base
from audit.correct_pairs import PairBase, SamplerTablesBase, ScheduleBase, TrajectoryBase
from audit.corruption import exhaustive
from audit.corruption.corrupted_candidates import (
    Injection,
    initial_value,
    input_gradient,
    of_step,
    output,
    parameter_gradient,
    table,
)
from audit.corruption.corruptions import CORRUPTIONS
from audit.results.journal import Job
from ddpm.config import DiffusionConfig
from ddpm_study.exact_schedule import SAMPLER_TABLES, TABLES
from ddpm_study.pairs import (
    SCHEDULES,
    VARIANCES,
    pairs,
    settings_of_sampler_tables,
    trajectories,
)
from parity.compare.comparison import Judge, judge_comparison
from parity.errors import CannotCompare, one_line
from parity.pair import Pair
from parity.report.wording import tensor_name
from parity.trace.sites import Quantity, Scope, TensorSite
from parity.trajectories.trajectory import Trajectory

# A single number has no order to lose, and an integer cannot be NaN.
SINGLE_NUMBERS, INTEGERS = ("loss", "steps taken"), ("steps taken",)
# At a training's start only the last layer has a gradient, and its own weights are zero: a tensor
# is corrupted only where that changes it.
FIRST, LAST = "conv_in.weight", "conv_out.weight"
STATE = (f"exp_avg:{LAST}", f"exp_avg_sq:{LAST}", f"weights:{FIRST}", f"ema:{FIRST}")
# A training starts from zeros in the last layers: by then every layer has a gradient.
STEPS = 5
KEYS = (
    "the gradient with respect to the keys' bias is zero in exact arithmetic, for softmax takes "
    "the bias out: its values are rounding"
)


@dataclass(frozen=True)
class Explanation:
    """Tensors whose corruption need not be noticed, and the reason.

    Attributes:
        scope, quantity, label: as of a `TensorSite`.
        module: last name in the path of the module whose tensor it is.
        reason: why.
    """

    scope: Scope
    quantity: Quantity
    module: str
    label: str
    reason: str

    def matches(self, site: TensorSite) -> bool:
        """Tell whether a tensor is one of these."""
        module = site.owner.rpartition(".")[2]
        return (self.scope, self.quantity, self.module, self.label) == (
            site.scope, site.quantity, module, site.label,
        )  # fmt: skip


EXPLAINED = {
    "gradient of the keys' bias, end to end": Explanation(
        "end_to_end", "parameter_gradient", "key", "bias", KEYS
    ),
    "state of the keys' bias": Explanation(
        "step", "state", "key", "bias", f"{KEYS}, and Adam makes full steps of it"
    ),
}


@dataclass(frozen=True)
class Check:
    """A check of `pytest parity`, and by quantity the injection of a corruption into it."""

    base: Base
    injections: Mapping[str, Injection]


def checks() -> Iterator[Check]:
    """List the checks of `pytest parity` but for the two large U-Nets, the tiny one's code."""
    for pair in pairs():
        yield of_pair(pair)
    for trajectory in trajectories():
        yield from of_trajectory(trajectory)
    for schedule in SCHEDULES:
        for variance in VARIANCES:
            config = DiffusionConfig(schedule=schedule, variance=variance)
            base = ScheduleBase(f"schedule, {schedule}, {variance}", config)
            yield Check(base, {name: table(name) for name in TABLES})
    for name, settings in settings_of_sampler_tables().items():
        # Without fresh noise its deviation is 0 throughout, and a factor changes nothing.
        varying = [name for name in SAMPLER_TABLES if name != "sigma" or settings[1].eta]
        of_sampler = SamplerTablesBase(name, *settings)
        yield Check(of_sampler, {name: table(name) for name in varying})


def of_pair(pair: Pair) -> Check:
    """Corrupt the values and gradients of the whole model and of one layer in its middle."""
    injections = {
        "output": output(""),
        "output of a layer": output(None),
        "gradient with respect to a layer's input": input_gradient(None),
        "gradient with respect to a weight": parameter_gradient(None),
    }
    if pair.init:
        injections["initial weight"] = initial_value(None)
    return Check(PairBase(replace(pair, stress_inputs=pair.stress_inputs[:1])), injections)


def of_trajectory(trajectory: Trajectory) -> Iterator[Check]:
    """Corrupt a report and each kind of state; where it also runs free, the report of that run."""
    names = ("loss", *STATE, "steps taken") if trajectory.phase == "optimizer" else ("x",)
    single = replace(trajectory, steps=1, free=0)
    yield Check(TrajectoryBase(single), {name: of_step(name) for name in names})
    if trajectory.free:
        free = replace(trajectory, name=f"{trajectory.name}, running free", steps=0, free=1)
        yield Check(TrajectoryBase(free), {names[0]: of_step(names[0])})


def record(check: Check, quantity: str, corruption: str) -> dict[str, Any]:
    """Corrupt one quantity in one way and return the result of the check.

    Keys: `set`, `name`, `check`, `quantity`, `corruption`, `verdict`, `passed`, `seconds`, and
    `reason` where the check could not be made.
    """
    started = time.perf_counter()
    values: dict[str, Any] = {
        "set": "corruption", "name": f"{check.base.name}: {quantity}, {corruption}",
        "check": check.base.name, "quantity": quantity, "corruption": corruption,
    }  # fmt: skip
    try:
        report = check.base.check("jittor", check.injections[quantity](CORRUPTIONS[corruption]))
    except CannotCompare as error:
        values |= {"verdict": "ERROR", "passed": False, "reason": one_line(error)}
    else:
        values |= {"verdict": report.verdict.name, "passed": report.passed}
    return {**values, "seconds": round(time.perf_counter() - started, 3)}


def exhaustive_record(
    name: str, check: exhaustive.Check, *, judge: Judge = judge_comparison
) -> dict[str, Any]:
    """Corrupt every tensor of a check and return where that was missed.

    Keys: `set`, `name`, `verdict`, `passed` (whether a corruption was missed that is not
    explained), `missed`, `unchanged` (tensors of nothing but zeros), `tried`, `explained`,
    `seconds`.
    """
    started = time.perf_counter()
    outcome = exhaustive.every_tensor(check, judge=judge)
    missed = [
        (site, corruption)
        for corruption, sites in outcome.items()
        for site, (changed, failed) in sites.items()
        if changed and not failed
    ]
    entries = [entry for entry in (explained(site) for site, _ in missed) if entry]
    unexplained = [f"{_words(s)}: {corruption}" for s, corruption in missed if not explained(s)]
    return {
        "set": "exhaustive", "name": name, "verdict": "", "passed": bool(unexplained),
        "missed": unexplained,
        "unchanged": [_words(s) for s, (changed, _) in outcome["zeroed"].items() if not changed],
        "tried": sum(changed for sites in outcome.values() for changed, _ in sites.values()),
        "explained": dict(Counter(entries)),
        "seconds": round(time.perf_counter() - started, 3),
    }  # fmt: skip


def explained(site: TensorSite) -> str:
    """Return the entry of `EXPLAINED` that a site matches, or nothing."""
    return next((name for name, entry in EXPLAINED.items() if entry.matches(site)), "")


def unused_explanations(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the entries of `EXPLAINED` that explain nothing, once everything has been tried."""
    records = [record for record in records if record["set"] == "exhaustive"]
    used = {entry for record in records for entry in record["explained"]}
    return [entry for entry in EXPLAINED if records and entry not in used]


def _words(site: TensorSite) -> str:
    return f"{site.path or 'the model itself'}, {site.phase}: {tensor_name(site)}"


def jobs() -> Iterator[Job]:
    """List every corruption of every check, and every check's tensors, as jobs of an audit."""
    for check in checks():
        for quantity in check.injections:
            for corruption in CORRUPTIONS:
                if applies(quantity, corruption):
                    key = f"corruption/{check.base.name}/{quantity}/{corruption}"
                    yield key, partial(record, check, quantity, corruption)
    for pair in pairs():
        check_pair = exhaustive.of_pair(pair)
        yield f"exhaustive/{pair.name}", partial(exhaustive_record, pair.name, check_pair)
    for trajectory in trajectories():
        short = replace(
            trajectory, steps=min(trajectory.steps, STEPS), free=min(trajectory.free, 1)
        )
        check_short = exhaustive.of_trajectory(short)
        yield (
            f"exhaustive/{trajectory.name}",
            partial(exhaustive_record, trajectory.name, check_short),
        )


def applies(quantity: str, corruption: str) -> bool:
    """Tell whether a corruption changes such a quantity at all."""
    if quantity in SINGLE_NUMBERS and corruption == "shuffled":
        return False
    return not (quantity in INTEGERS and corruption == "one NaN")
