from __future__ import annotations

import pytest

from parity.atlas.finding import AtlasCause, ComparedTensor, Finding, finding_from_json
from parity.verdict import Verdict

FINDING = Finding(
    case="nan", tensor=ComparedTensor("gradient", "x"), verdict=Verdict.ERROR,
    cause=AtlasCause.SPECIAL_VALUES, error=0.25, reference="nan", candidate="0", float32_only=True,
)  # fmt: skip


def test_a_finding_is_read_as_it_was_written() -> None:
    assert finding_from_json(FINDING.as_json()) == FINDING


@pytest.mark.parametrize("change", [{"cause": "none"}, {"verdict": "FINE"}, {"other": 1}])
def test_other_values_are_no_finding(change: dict[str, object]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        finding_from_json({**FINDING.as_json(), **change})


@pytest.mark.parametrize(
    ("size", "kept"), [(0.123456, 0.123), (float("nan"), None), (float("inf"), None), (None, None)]
)
def test_sizes_have_three_digits_or_are_none(size: float | None, kept: float | None) -> None:
    finding = Finding(
        case="", tensor=ComparedTensor("value"), verdict=Verdict.IDENTICAL, error=size, noise=size
    )
    assert (finding.error, finding.noise) == (kept, kept)
