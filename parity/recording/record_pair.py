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


def record_pair(reference: Record, candidate: Record) -> RecordPair:
    """Return two records as a pair; nothing of it can run.

    Args:
        reference: of one side.
        candidate: of the other, recorded like the first.

    Raises:
        CannotCompare: it was not.
    """
    if candidate.manifest["like"] != reference.digest:
        raise CannotCompare(
            f"{show(candidate.path)} was not recorded on the weights and inputs of "
            f"{show(reference.path)}: make it with parity record … --like {show(reference.path)}"
        )
    facts = reference.manifest
    optimizers = {record.side.framework: _cannot_run for record in (reference, candidate)}
    pair = Pair(
        name=f"{reference.path.name} against {candidate.path.name}",
        reference=_cannot_run,
        candidate=_cannot_run,
        inputs=_cannot_run,
        training=facts["training"],
        random=facts["random"],
        stress_inputs=[
            name for name in facts["stress_inputs"] if name in candidate.manifest["stress_inputs"]
        ],
        allow=facts["allow"],
        accept=facts["accept"],
        loss=_cannot_run if facts["has_loss"] else None,
        optimizer=optimizers if facts["has_optimizer"] else None,
    )
    sides = _bound(reference, "reference"), _bound(candidate, "candidate")
    settings = environment(sides[0].adapter, sides[1].adapter)
    built = {**reference.side.parameters(), **reference.side.buffers()}
    runner = PairRunner(
        pair=pair,
        reference=sides[0],
        candidate=sides[1],
        inputs=Arguments((), reference.input_arrays()),
        weights=built | reference.randomized(),
        seed=reference.seed,
        runs={"reference": reference.runs, "candidate": candidate.runs},
    )
    notes = [*reference.notes(pair), *candidate.notes(pair)[:1], *settings.notes]
    return RecordPair(runner, notes, settings.sides)


def _bound(record: Record, role: Role) -> BoundModel:
    names, tensors = record.manifest["names"], frozenset(record.manifest["output_tensors"])
    taps = record.manifest["taps"]
    return BoundModel(
        role,
        record.side,
        {own: path for own, path in names["modules"].items() if path in taps},
        names["parameters"],
        names["buffers"],
        outputs=OutputNames({label: label for label in tensors}, tensors),
    )


def _cannot_run(*arguments: Any, **keywords: Any) -> NoReturn:
    raise NotRecorded("two records are compared, and nothing of either can run")
