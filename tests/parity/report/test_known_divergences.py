"""Each known divergence says what differs and what to do, in words that stand in a report."""

from __future__ import annotations

from parity.diagnose.known import RUNNING_VAR, STRUCTURE, SUBGRADIENT
from parity.diagnose.known_optimizers import ADAM_EPSILON
from parity.report.known_divergences import DIVERGENCES


def test_every_name_that_an_experiment_gives_is_documented() -> None:
    assert set(DIVERGENCES) == {RUNNING_VAR, SUBGRADIENT, ADAM_EPSILON, STRUCTURE}
    for divergence in DIVERGENCES.values():
        assert divergence.meaning[0].isupper() or divergence.meaning.startswith(("at ", "the "))
        assert divergence.workaround
