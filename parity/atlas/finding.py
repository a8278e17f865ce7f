"""Defines a finding: what the comparison of one tensor of an entry showed, as data.

`parity.atlas.output.text` makes sentences of findings; nothing reads those sentences.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from parity.verdict import Verdict

Quantity = Literal["output", "gradient", "value"]


class AtlasCause(enum.Enum):
    """Why a finding has its verdict."""

    AGREEMENT = "agreement"
    VALUES = "values"  # the numbers or plain values differ
    ONLY_FLOAT64 = "only_float64"  # they differ in float64 alone
    BELOW_FLOAT32 = "below_float32"  # by less than float32 resolves
    CANDIDATE_LESS_ACCURATE = "candidate_less_accurate"
    REFERENCE_LESS_ACCURATE = "reference_less_accurate"
    CANCELLATION = "cancellation"  # the candidate loses digits to larger intermediate numbers
    REFERENCE_INACCURATE = "reference_inaccurate"  # as far from its own float64 result
    SPECIAL_VALUES = "special_values"  # NaN or infinity on one side
    SHAPE = "shape"
    DTYPE = "dtype"
    OUTPUT_COUNT = "output_count"
    EXCEPTION = "exception"
    DISTRIBUTION = "distribution"  # two samples of random numbers differ
    CRASH = "crash"  # the process ended


class ComparedTensor(NamedTuple):
    """Identifies one compared tensor of an entry.

    Attributes:
        quantity: an `output`, a `gradient`, or the plain `value` of a rule or a sample.
        label: the input of a gradient; the number of an output where there are several; else empty.
    """

    quantity: Quantity
    label: str = ""


OUTPUT, VALUE = ComparedTensor("output"), ComparedTensor("value")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of comparing one tensor on one input case.

    Attributes:
        case: the name of the input case; empty where an entry has no inputs.
        tensor: the compared tensor.
        verdict: one of the six.
        cause: why.
        error: the difference, relative to the reference's largest value, with three digits; None
            where it has no size or is not finite.
        noise: what rounding explains, likewise.
        reference, candidate: what either side has, as text: an exception, a shape, a value; empty
            where `error` says it all.
        float32_only: whether it occurs in float32 and not in float64.
    """

    case: str
    tensor: ComparedTensor
    verdict: Verdict
    cause: AtlasCause = AtlasCause.AGREEMENT
    error: float | None = None
    noise: float | None = None
    reference: str = ""
    candidate: str = ""
    float32_only: bool = False

    def __post_init__(self) -> None:
        # Rounded here and not in the file, so that results look the same before and after.
        object.__setattr__(self, "error", _three_digits(self.error))
        object.__setattr__(self, "noise", _three_digits(self.noise))

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        plain = asdict(self) | {"verdict": self.verdict.name, "cause": self.cause.value}
        del plain["tensor"]
        return {"case": plain.pop("case"), **self.tensor._asdict(), **plain}


def finding_from_json(plain: Mapping[str, Any]) -> Finding:
    """Return the finding that `Finding.as_json` gave.

    Raises:
        KeyError, TypeError, ValueError: the values are not those of a finding.
    """
    fields = dict(plain)
    return Finding(
        tensor=ComparedTensor(fields.pop("quantity"), fields.pop("label")),
        verdict=Verdict[fields.pop("verdict")],
        cause=AtlasCause(fields.pop("cause")),
        **fields,
    )


def _three_digits(number: float | None) -> float | None:
    return None if number is None or not np.isfinite(number) else float(f"{number:.3g}")
