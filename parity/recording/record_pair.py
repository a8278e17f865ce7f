"""Two records as a pair that is ready to be judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from parity.compare.environment import environment
from parity.compare.modules import PairRunner
from parity.errors import CannotCompare, NotRecorded
from parity.nested.arguments import Arguments
from parity.nested.outputs import OutputNames
from parity.pair import Pair
from parity.recording.record import Record
from parity.recording.recorded_runs import TaughtRuns
from parity.trace.bound_model import BoundModel, Role
from safe_files.reading import show


class RecordPair(NamedTuple):
    """Two records that can be judged.

    Attributes:
        runner: looks their runs up.
        notes: what a reader should know.
        environment: settings of both sides.
    """

    runner: PairRunner
    notes: list[str]
    environment: Mapping[str, Mapping[str, str]]


def record_pair(reference: Record, candidate: Record, teacher: Record | None = None) -> RecordPair:
    """Return two records as a pair; nothing of it can run.

    Args:
        reference: of one side.
        candidate: of the other, recorded like the first.
        teacher: a third record, if both were recorded like it.

    Raises:
        CannotCompare: they were not.
    """
    first = teacher or reference
    for record in (candidate,) if teacher is None else (reference, candidate):
        if record.manifest["like"] != first.digest:
            raise CannotCompare(
                f"{show(record.path)} was not recorded on the weights and inputs of "
                f"{show(first.path)}: make it with parity record … --like {show(first.path)}"
            )
    facts = first.manifest
    optimizers = {record.side.framework: _cannot_run for record in (reference, candidate)}
    pair = Pair(
        name=f"{reference.path.name} against {candidate.path.name}",
        reference=_cannot_run,
        candidate=_cannot_run,
        inputs=_cannot_run,
        training=facts["training"],
        random=facts["random"],
        stress_inputs=[
            name
            for name in facts["stress_inputs"]
            if all(name in r.manifest["stress_inputs"] for r in (reference, candidate))
        ],
        allow=facts["allow"],
        accept=facts["accept"],
        loss=_cannot_run if facts["has_loss"] else None,
        optimizer=optimizers if facts["has_optimizer"] else None,
    )
    sides = _bound(reference, "reference", candidate), _bound(candidate, "candidate", reference)
    settings = environment(sides[0].adapter, sides[1].adapter)
    built = {**first.side.parameters(), **first.side.buffers()}
    runs = reference.runs if teacher is None else TaughtRuns(teacher.runs, reference.runs)
    runner = PairRunner(
        pair=pair,
        reference=sides[0],
        candidate=sides[1],
        inputs=Arguments((), first.input_arrays()),
        weights=built | first.randomized(),
        seed=first.seed,
        runs={"reference": runs, "candidate": candidate.runs},
        is_taught=teacher is not None,
    )
    notes = [*reference.notes(pair), *candidate.notes(pair)[:1], *settings.notes]
    if teacher is not None:
        notes.append(f"both were recorded on the values of {teacher.path.name}")
    return RecordPair(runner, notes, settings.sides)


def _bound(record: Record, role: Role, other: Record) -> BoundModel:
    """Return a recorded side, with the parameters and buffers that the other side has too."""
    names, tensors = record.manifest["names"], frozenset(record.manifest["output_tensors"])
    taps = record.manifest["taps"]

    def common(kind: str) -> dict[str, str]:
        return {p: own for p, own in names[kind].items() if p in other.manifest["names"][kind]}

    return BoundModel(
        role,
        record.side,
        {own: path for own, path in names["modules"].items() if path in taps},
        common("parameters"),
        common("buffers"),
        outputs=OutputNames({label: label for label in tensors}, tensors),
    )


def _cannot_run(*arguments: Any, **keywords: Any) -> NoReturn:
    raise NotRecorded("two records are compared, and nothing of either can run")
