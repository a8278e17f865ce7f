"""`python -m audit.draws` checks one number alone."""

from __future__ import annotations

from click.testing import CliRunner

from audit.draws.__main__ import main
from audit.draws.configuration import COUNT, configuration
from audit.draws.faults import fault


def test_one_number_can_be_checked_again_alone() -> None:
    # One whose fault costs no network.
    draws = map(configuration, range(COUNT))
    drawn = next(c for c in draws if fault(c).subject == "schedule")
    result = CliRunner().invoke(main, [str(drawn.number), "--mutant"])
    assert result.exit_code == 1, result.output
    assert fault(drawn).mutant.text in result.output
    assert "SEMANTIC_DIFFERENCE" in result.output
