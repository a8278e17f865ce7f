"""Each example holds: its pair passes, and each of its faults is found at its module and phase."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from parity import Pair, Verdict, check
from parity.pair_loading import load_pairs

# `parity check` finds the examples when it is started in their folder; the tests need the path.
sys.path.append(str(Path(__file__).parents[2] / "examples" / "pairs"))

EXAMPLES = {
    # Jittor's normalisations compute the variance in one pass.
    "mixer": Verdict.NUMERICALLY_WEAKER,
    "dcgan": Verdict.NUMERICALLY_WEAKER,
    "lstm_lm": Verdict.WITHIN_NOISE,
    "vit": Verdict.NUMERICALLY_WEAKER,
    "flow": Verdict.WITHIN_NOISE,
}
PAIRS = {name: load_pairs(f"{name}:pair")[0] for name in EXAMPLES}
FAULTS = {
    f"{name}-{key}": fault
    for name in EXAMPLES
    for key, fault in importlib.import_module(name).FAULTS.items()
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_correct_port_passes(name: str) -> None:
    report = check(PAIRS[name])
    assert report.passed, str(report)
    assert report.verdict is EXAMPLES[name], str(report)
    assert {"forward", "backward"} <= {finding.phase for finding in report.findings}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_where_it_is(name: str) -> None:
    fault = FAULTS[name]
    report = check(fault)
    first = report.first_divergence
    assert first is not None
    assert first.verdict in (Verdict.SEMANTIC_DIFFERENCE, Verdict.ERROR), str(report)
    assert (first.path, first.phase) == (fault.path, fault.phase), str(report)
    assert first.confirmed or first.known is not None


def test_faults_may_be_loaded_by_name_like_pairs() -> None:
    assert load_pairs("mixer:FAULTS") == [FAULTS[name] for name in FAULTS if "mixer" in name]
    assert all(isinstance(fault, Pair) for fault in FAULTS.values())
