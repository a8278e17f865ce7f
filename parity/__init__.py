"""Proves whether two modules are the same function, tells a bug from rounding, names the place."""

from parity.check import assert_parity, check
from parity.errors import CannotCompare
from parity.pair import Pair
from parity.report import Finding, Report
from parity.verdict import Verdict

__all__ = ["CannotCompare", "Finding", "Pair", "Report", "Verdict", "assert_parity", "check"]
