"""Each check of `pytest parity` again, on a candidate that is spoiled: it must fail.

A check runs once for every kind of thing that it compares and every way to spoil it. There pairs
run under their first probe and courses for their first step, or for the first step of a free run:
findings only add up, so what fails there fails in the whole. Then it runs once more, as it is, and
every single place is spoiled in turn (`audit.exhaustive`); of a training the first five steps. A
check that passes on a spoiled candidate proves nothing.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from audit.case import Base
from audit.correct_pairs import PairBase, ScheduleBase, TrajectoryBase
from audit.corrupted_candidates import (
    Plant,
    initial_value,
    input_gradient,
    of_step,
    output,
    parameter_gradient,
    table,
)
from audit.corruptions import SPOILINGS
from audit.exhaustive import every_place
from ddpm.config import DiffusionConfig
from ddpm_study.pairs import pairs, trajectories
from parity.errors import CannotCompare, one_line
from parity.pair import Pair
from parity.test_schedule import TABLES
from parity.trace.sites import TensorSite
from parity.trajectories.trajectory import Trajectory

Job = tuple[str, Callable[[], dict[str, Any]]]
# A single number has no order to lose, and a whole number cannot be NaN.
NUMBERS, WHOLE_NUMBERS = ("loss", "steps taken"), ("steps taken",)
# At a training's start only the last layer has a gradient, and its own weights are zero: what is
# spoiled must be something that spoiling changes.
FIRST, LAST = "conv_in.weight", "conv_out.weight"
STATE = (f"exp_avg:{LAST}", f"exp_avg_sq:{LAST}", f"weights:{FIRST}", f"ema:{FIRST}")
# A training starts from zeros in the last layers: by then every layer has a gradient.
STEPS = 5
KEYS = (
    "the gradient by the keys' bias is zero in exact arithmetic, for softmax takes the bias out: "
    "what is there is rounding"
)
# Places that spoiling need not show at, by a pattern of their words -> why.
EXPLAINED = {
    r"gradient of bias of (.*\.)?key, end to end$": KEYS,
    r"(^|\.)key, optimizer: \w+ of bias$": f"{KEYS}, and Adam makes full steps of it",
}


@dataclass(frozen=True)
class Check:
    """Something that `pytest parity` checks, and how each thing that it compares is spoiled."""

    base: Base
    plants: Mapping[str, Plant]


def checks() -> Iterator[Check]:
    """List the checks of `pytest parity` but for the two large U-Nets, the tiny one's code."""
    for pair in pairs():
        yield of_pair(pair)
    for trajectory in trajectories():
        yield from of_course(trajectory)
    for schedule in ("linear", "cosine"):
        for variance in ("fixed_small", "fixed_large"):
            values: dict[str, Any] = {"schedule": schedule, "variance": variance}
            base = ScheduleBase(f"schedule, {schedule}, {variance}", DiffusionConfig(**values))
            yield Check(base, {name: table(name) for name in TABLES})


def of_pair(pair: Pair) -> Check:
    """Spoil what the whole and one layer in its middle hand over."""
    plants = {
        "output": output(""),
        "output of a layer": output(None),
        "gradient by a layer's input": input_gradient(None),
        "gradient by a weight": parameter_gradient(None),
    }
    if pair.init:
        plants["initial weight"] = initial_value(None)
    return Check(PairBase(replace(pair, stress_inputs=pair.stress_inputs[:1])), plants)


def of_course(trajectory: Trajectory) -> Iterator[Check]:
    """Spoil a report and each kind of state; where it also runs free, what that reports."""
    names = ("loss", *STATE, "steps taken") if trajectory.phase == "optimizer" else ("x",)
    single = replace(trajectory, steps=1, free=0)
    yield Check(TrajectoryBase(single), {name: of_step(name) for name in names})
    if trajectory.free:
        free = replace(trajectory, name=f"{trajectory.name}, running free", steps=0, free=1)
        yield Check(TrajectoryBase(free), {names[0]: of_step(names[0])})


def record(check: Check, quantity: str, spoiling: str) -> dict[str, Any]:
    """Spoil one thing in one way and return what the check said of it.

    Keys: `set`, `name`, `check`, `quantity`, `spoiling`, `verdict`, `passed`, `seconds`, and
    `reason` where the check could not be made.
    """
    started = time.perf_counter()
    values: dict[str, Any] = {
        "set": "vacuity", "name": f"{check.base.name}: {quantity}, {spoiling}",
        "check": check.base.name, "quantity": quantity, "spoiling": spoiling,
    }  # fmt: skip
    try:
        report = check.base.judged("jittor", check.plants[quantity](SPOILINGS[spoiling]))
    except CannotCompare as error:
        values |= {"verdict": "ERROR", "passed": False, "reason": one_line(error)}
    else:
        values |= {"verdict": report.verdict.name, "passed": report.passed}
    return {**values, "seconds": round(time.perf_counter() - started, 3)}


def places_record(name: str, check: Callable[[], object]) -> dict[str, Any]:
    """Spoil every place of a check and return where that went unseen.

    Keys: `set`, `name`, `verdict`, `passed` (whether a place is blind that is not explained),
    `tried`, `blind`, `baseline` (nothing but zeros on either side, whatever is tried), `explained`,
    `seconds`.
    """
    started = time.perf_counter()
    found = every_place(check)
    blind = [
        (site, spoiling)
        for spoiling, tensor_sites in found.items()
        for site, (changed, failed) in tensor_sites.items()
        if changed and not failed
    ]
    excused = [why for why in (explained(site) for site, _ in blind) if why]
    unseen = [f"{_words(site)}: {spoiling}" for site, spoiling in blind if not explained(site)]
    return {
        "set": "places", "name": name, "verdict": "", "passed": bool(unseen), "blind": unseen,
        "still": [_words(site) for site, (changed, _) in found["zeroed"].items() if not changed],
        "tried": sum(changed for seen in found.values() for changed, _ in seen.values()),
        "explained": dict(Counter(excused)),
        "seconds": round(time.perf_counter() - started, 3),
    }  # fmt: skip


def explained(site: TensorSite) -> str:
    """Return the entry of `EXPLAINED` that a place matches, or nothing."""
    return next((entry for entry in EXPLAINED if re.search(entry, _words(site))), "")


def idle(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the entries of `EXPLAINED` that explain nothing, once everything has been tried."""
    own = [record for record in records if record["set"] == "places"]
    used = {entry for record in own for entry in record["explained"]}
    unused = [entry for entry in EXPLAINED if own and entry not in used]
    return [f"EXPLAINED has {entry!r}, which nothing matches" for entry in unused]


def _words(site: TensorSite) -> str:
    return f"{site.path or 'the model itself'}, {site.phase}: {site.tensor}"


def jobs() -> Iterator[Job]:
    """List every spoiling of every check, and every check's places, as jobs of an audit."""
    for check in checks():
        for quantity in check.plants:
            for spoiling in SPOILINGS:
                if applies(quantity, spoiling):
                    key = f"vacuity/{check.base.name}/{quantity}/{spoiling}"
                    yield key, partial(record, check, quantity, spoiling)
    for pair in pairs():
        yield f"places/{pair.name}", partial(places_record, pair.name, PairBase(pair).judged)
    for trajectory in trajectories():
        short = replace(
            trajectory, steps=min(trajectory.steps, STEPS), free=min(trajectory.free, 1)
        )
        judged = TrajectoryBase(short).judged
        yield f"places/{trajectory.name}", partial(places_record, trajectory.name, judged)


def applies(quantity: str, spoiling: str) -> bool:
    """Tell whether a spoiling changes such a thing at all."""
    if quantity in NUMBERS and spoiling == "shuffled":
        return False
    return not (quantity in WHOLE_NUMBERS and spoiling == "one NaN")
