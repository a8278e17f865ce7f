"""Holds what the atlas of a model found, ordered by what it does to the model, and writes it."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from parity.atlas.cases import ORDINARY
from parity.atlas.finding import AtlasCause, Finding
from parity.verdict import Verdict
from safe_files import write_text

SCHEMA = 1


class Impact(enum.IntEnum):
    """The effect on a port of writing the same call in Jittor, the worst first."""

    LACKING = 0  # Jittor has no such function or layer
    ENDS_PROCESS = 1
    RAISES = 2  # on what the model gives it
    OTHER_VALUES = 3  # likewise: values, shape or dtype
    OTHER_GRADIENTS = 4
    OTHER_DEFAULTS = 5  # it agrees if arguments are given that PyTorch has by default
    OTHER_INPUTS = 6  # it agrees on the model's values, and differs on others
    FEWER_DIGITS = 7
    NONE = 8


@dataclass(frozen=True, kw_only=True)
class Instead:
    """Another Jittor source of a use that was judged, and that fixes what it differs in.

    Attributes:
        source: as source.
        remaining: the input cases that differ with it too.
    """

    source: str
    remaining: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Effect:
    """The largest relative change of a model when Jittor computes one of its operators.

    Attributes:
        outputs: of its outputs, in float64.
        gradients: of the gradients with respect to its parameters, likewise.
    """

    outputs: float
    gradients: float


@dataclass(frozen=True, kw_only=True)
class UseResult:
    """The results of one use.

    Attributes:
        name, kind: as people write it, `F.conv2d`; a `layer` or an `operator`.
        call: as people write it with its arguments: `nn.Conv2d(3, 8, (3, 3))`, `x.clamp(min=0)`.
        shapes: of its tensors, in one line.
        places, lines, calls: where the model calls it, and how often.
        random: whether its result is another one each time.
        torch, jittor: the sources that were compared; jittor is empty where Jittor lacks it.
        cases: the input cases on which it was judged.
        other_defaults: whether it differs where arguments are left out that PyTorch has by default.
        findings: those that do not pass strictly, the one that decides first.
        instead: another source; None where none is needed, or none was found.
        notes: of entries of the atlas on the same operator, with their names.
        effect: on the model; None where it was not measured.
    """

    name: str
    kind: str
    call: str
    shapes: str
    places: Sequence[str]
    lines: Sequence[str]
    calls: int
    torch: str
    jittor: str
    cases: Sequence[str]
    random: bool = False
    other_defaults: bool = False
    findings: Sequence[Finding] = ()
    instead: Instead | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    effect: Effect | None = None

    @property
    def impact(self) -> Impact:
        """Return what writing the same call does to the port."""
        if not self.jittor:
            return Impact.LACKING
        impacts = [_impact(finding) for finding in self.findings]
        return min([*impacts, Impact.OTHER_DEFAULTS if self.other_defaults else Impact.NONE])


def _impact(finding: Finding) -> Impact:
    if finding.verdict is Verdict.NUMERICALLY_WEAKER:
        return Impact.FEWER_DIGITS
    if finding.case not in (ORDINARY, ""):
        return Impact.OTHER_INPUTS
    if finding.cause is AtlasCause.CRASH:
        return Impact.ENDS_PROCESS
    if finding.cause is AtlasCause.EXCEPTION:
        return Impact.RAISES
    is_gradient = finding.tensor.quantity == "gradient"
    return Impact.OTHER_GRADIENTS if is_gradient else Impact.OTHER_VALUES


@dataclass(frozen=True, kw_only=True)
class ModelAtlas:
    """The results for a model.

    Attributes:
        pair: its name.
        versions: those that the results hold for.
        uses: by impact, and by effect on the model within it.
        unjudged: names of functions and layers that could not be judged -> why.
    """

    pair: str
    versions: Mapping[str, str]
    uses: Sequence[UseResult]
    unjudged: Mapping[str, str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "uses", sorted(self.uses, key=_order))

    def save(self, path: Path) -> None:
        """Write the results as JSON, completely or not at all.

        Raises:
            CannotWrite: the file cannot be written.
        """
        plain = {
            "schema": SCHEMA,
            "pair": self.pair,
            "versions": dict(self.versions),
            "uses": [_as_json(use) for use in self.uses],
            "unjudged": dict(self.unjudged),
        }
        write_text(path, json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _order(use: UseResult) -> tuple[int, float, int, str]:
    effect = use.effect
    size = max(effect.outputs, effect.gradients) if effect is not None else 0.0
    return use.impact, -size, -use.calls, use.name


def _as_json(use: UseResult) -> dict[str, Any]:
    return asdict(use) | {
        "impact": use.impact.name,
        "findings": [finding.as_json() for finding in use.findings],
    }
