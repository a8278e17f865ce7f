"""A pair before anything is compared: built, matched by name, with weights and inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from parity.base.numerics import is_same_shape
from parity.base.rng import keyed
from parity.compare.environment import environment
from parity.compare.initial_values import compare_buffers, compare_initial, drawn_buffers
from parity.compare.modules import PairRunner
from parity.errors import CannotCompare
from parity.nested.arguments import Arguments, forward_function, side_names, signature_of
from parity.nested.outputs import matched_outputs
from parity.pair import Pair
from parity.recording.record import Record
from parity.report.finding import Finding, finding_of
from parity.trace.bound_model import BoundModel, randomize_constant_parameters
from parity.trace.model_building import build
from parity.trace.sites import Tap, TensorSite
from parity.trace.trace import Trace
from parity.trace.values import forward_site
from parity.verdict import Cause, error


class Prepared(NamedTuple):
    """A pair, built and with weights, before anything has run."""

    runner: PairRunner
    initial: list[Finding]
    notes: list[str]
    environment: Mapping[str, Mapping[str, str]]
    # Modules whose tensors have another shape in the candidate; not tapped.
    reshaped: list[tuple[TensorSite, Finding]]
    # Modules of both sides, called or not: reference path -> candidate path.
    partners: Mapping[str, str]


def prepare(pair: Pair, *, seed: int = 0, record: Record | None = None) -> Prepared:
    """Build both sides, match their names, draw the inputs, and match the modules called.

    Args:
        pair: whose reference is that of the record, if there is one.
        seed: of the inputs.
        record: of the reference.

    Raises:
        CannotCompare: as `check`.
    """
    reference, candidate, state, tied = build(pair)
    partners = {path: own for own, path in candidate.modules.items()}
    settings = environment(reference.adapter, candidate.adapter)
    initial, notes = compare_initial(pair, candidate, state)
    buffers = compare_buffers(candidate, state)
    inputs = _inputs(pair, seed, record)
    sides = reference, candidate
    if record is None:
        reference = _with_argument_names(pair, reference, candidate, inputs, notes)
    candidate = _with_argument_names(pair, candidate, sides[0], inputs, notes)
    runner = PairRunner(
        pair=pair,
        reference=reference,
        candidate=candidate,
        inputs=inputs,
        weights=randomize_constant_parameters(
            state, reference.parameters, seed, reference.low_precisions()
        )
        if record is None
        else state | record.randomized(),
        seed=seed,
        runs={} if record is None else {"reference": record.runs},
    )
    runner, uncalled, reshaped = _match_calls(runner)
    if record is not None:
        record.require_shapes(reshaped)
        runner = runner.without(record.untapped)
    wrong, changing = _wrong_tables(buffers, runner)
    if changing:
        notes.append(f"buffers built otherwise, which training changes: {changing}; not judged")
    drawn = drawn_buffers(pair, reference, state, [finding.own_path for finding in wrong])
    if drawn:
        notes.append(
            f"buffers drawn at random when built: {', '.join(drawn)}; the reference's are used"
        )
    initial += [finding for finding in wrong if finding.own_path not in drawn]
    if uncalled:
        notes.append(f"called on one side only, judged within their callers: {uncalled}")
    if reshaped:
        paths = ", ".join(dict.fromkeys(site.owner for site, _ in reshaped))
        notes.append(f"tensors of another shape, judged within their callers: {paths}")
    notes = [*settings.notes, *tied, *notes]
    return Prepared(runner, initial, notes, settings.sides, reshaped, partners)


def _inputs(pair: Pair, seed: int, record: Record | None) -> Arguments:
    if record is None:
        return pair.draw_inputs(keyed(seed, "inputs"))
    drawn = None if record.brings_inputs(pair) else pair.draw_inputs(keyed(seed, "inputs"))
    return record.arguments(drawn)


def _with_argument_names(
    pair: Pair, side: BoundModel, other: BoundModel, inputs: Arguments, notes: list[str]
) -> BoundModel:
    """Return the side with its own names of the arguments; note those that nobody gave."""
    given = pair.argument_names if side.role == "candidate" else {}
    unknown = [name for name in given if name not in inputs.keywords]
    if unknown:
        raise CannotCompare(
            f"pair {pair.name!r}: argument_names names {unknown[0]!r}; the inputs are "
            f"{', '.join(inputs.keywords) or 'given by position'}"
        )
    functions = [forward_function(model.adapter.module) for model in (side, other)]
    signature = signature_of(functions[1])
    order = [] if signature is None else list(signature.parameters)
    try:
        arguments = side_names(functions[0], list(inputs.keywords), given, order)
    except CannotCompare as error:
        partner = f"; the {other.role} takes {signature}" if signature is not None else ""
        raise CannotCompare(f"pair {pair.name!r}: the {side.role} {error}{partner}") from error
    for name, own in arguments.names.items():
        if name in arguments.positions:
            notes.append(f"argument {name!r} is passed to the {side.role} by position")
        elif own != name and name not in given:
            notes.append(f"argument {name!r} is passed to the {side.role} as {own!r}")
    return replace(side, arguments=arguments)


def _wrong_tables(buffers: list[Finding], runner: PairRunner) -> tuple[list[Finding], str]:
    """Return the findings of buffers that were built otherwise and that no forward pass changes.

    What training changes, such as the vectors of a spectral norm, may start anywhere.

    Returns:
        Them, and the paths of the others.
    """
    wrong = [finding for finding in buffers if finding.is_fault]
    if not wrong:
        return [], ""
    changed = runner.buffers_changed_by_training()
    return (
        [finding for finding in wrong if finding.own_path not in changed],
        ", ".join(finding.own_path for finding in wrong if finding.own_path in changed),
    )


def _match_calls(
    runner: PairRunner,
) -> tuple[PairRunner, str, list[tuple[TensorSite, Finding]]]:
    """Tap no module that one side calls more often, or with tensors of another shape.

    A port may spell a layer out, apply its weight by hand, or work in another layout. The
    reference's tensors cannot be put in there. What such a module computes is then part of what its
    caller computes.

    Returns:
        The pair, the paths of the modules called on one side only, and for each module of another
        shape a finding, which counts where shapes differ in the end as well.
    """
    traces = runner.list_calls()
    reference, candidate = (
        {tap for tap in trace.callers if tap.port == "output"} for trace in traces
    )
    unmatched = {tap.path for tap in reference ^ candidate} - {""}
    given = [{tap for tap in trace.callers if tap.port == "input"} for trace in traces]
    outputs = matched_outputs(traces[0].outputs, traces[1].outputs)
    runner = replace(
        runner,
        reference=replace(
            runner.reference, outputs=outputs[0], unpaired=frozenset(given[0] - given[1])
        ),
        candidate=replace(
            runner.candidate, outputs=outputs[1], unpaired=frozenset(given[1] - given[0])
        ),
    )
    reshaped = [
        _other_shape(traces[0], tap, shape, traces[1].shapes[tap])
        for tap, shape in traces[0].shapes.items()
        if tap.path not in unmatched | {""} and _is_other_shape(shape, traces[1].shapes.get(tap))
    ]
    left_out = unmatched | {site.owner for site, _ in reshaped}
    runner = runner.without(left_out) if left_out else runner
    return runner, ", ".join(sorted(unmatched)), reshaped


def _is_other_shape(reference: tuple[int, ...], candidate: tuple[int, ...] | None) -> bool:
    return candidate is not None and not is_same_shape(reference, candidate)


def _other_shape(
    trace: Trace, tap: Tap, reference: tuple[int, ...], candidate: tuple[int, ...]
) -> tuple[TensorSite, Finding]:
    site = forward_site(trace, tap)
    return site, finding_of(site, error(Cause.SHAPE, compared=(str(reference), str(candidate))))
