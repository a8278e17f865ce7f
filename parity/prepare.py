"""A pair before anything is compared: built, matched by name, with weights and inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from parity.base.rng import keyed
from parity.compare.environment import environment
from parity.compare.initial_values import compare_initial
from parity.compare.modules import PairRunner
from parity.pair import Pair
from parity.report.finding import Finding
from parity.trace.bound_model import randomize_constant_parameters
from parity.trace.model_building import build


class Prepared(NamedTuple):
    """A pair, built and with weights, before anything has run."""

    runner: PairRunner
    initial: list[Finding]
    notes: list[str]
    environment: Mapping[str, Mapping[str, str]]


def prepare(pair: Pair, *, seed: int = 0) -> Prepared:
    """Build both sides, match their names, draw the inputs, and match the modules called.

    Raises:
        CannotCompare: as `check`.
    """
    reference, candidate, state = build(pair)
    settings = environment(reference.adapter, candidate.adapter)
    initial, notes = compare_initial(pair, candidate, state)
    runner = PairRunner(
        pair=pair,
        reference=reference,
        candidate=candidate,
        inputs=pair.draw_inputs(keyed(seed, "inputs")),
        weights=randomize_constant_parameters(
            state, reference.parameters, seed, reference.low_precisions()
        ),
        seed=seed,
    )
    runner, uncalled = _ignore_unmatched_calls(runner)
    if uncalled:
        notes.append(f"called on one side only, judged within their callers: {uncalled}")
    return Prepared(runner, initial, [*settings.notes, *notes], settings.sides)


def _ignore_unmatched_calls(runner: PairRunner) -> tuple[PairRunner, str]:
    """Tap no module that one side calls more often than the other.

    A port may spell a layer out, or apply its weight by hand. What such a module computes is then
    part of what its caller computes.

    Returns:
        The pair, and the paths of the modules left out.
    """
    reference, candidate = (
        {tap for tap in trace.callers if tap.port == "output"} for trace in runner.list_calls()
    )
    unmatched = {tap.path for tap in reference ^ candidate} - {""}
    return runner.without(unmatched) if unmatched else runner, ", ".join(sorted(unmatched))
