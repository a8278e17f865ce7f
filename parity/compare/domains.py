"""Stress inputs and perturbations that leave the domain in which a model works.

They say nothing about ordinary inputs. They are not tried again where they raised or overflowed,
and are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from parity.base.stress_inputs import EXTREME_INPUTS
from parity.errors import SideRaised
from parity.trace.sites import TensorSite
from parity.verdict import Cause, Judgement

Result = TypeVar("Result")


class LeftDomain(NamedTuple):
    """A place at which a side does not work for some input.

    Attributes:
        stress_input: its name, or None for a one-ulp perturbation.
        module: path in the reference, `""` for the model itself.
        raised: the exception as text; empty where a result was not finite.
    """

    stress_input: str | None
    module: str
    raised: str = ""


class Domains:
    """Where a pair's sides do not work, by stress input; filled while the pair is judged."""

    def __init__(self) -> None:
        self.left: dict[LeftDomain, None] = {}

    def modules(self, stress_input: str | None) -> frozenset[str]:
        """Return the modules in which, and right below which, a stress input is not tried."""
        return frozenset(
            place.module
            for place in self.left
            if place.stress_input == stress_input and place.raised
        )

    def within(self, stress_input: str | None, run: Callable[[], Result]) -> Result | None:
        """Run again, without the modules that raise, until it succeeds.

        Args:
            stress_input: that is tried, or None for a perturbation.
            run: runs the sides; asks `modules` where not to change anything.

        Returns:
            What `run` returned; None where a module raises though its own input is unchanged.
        """
        while True:
            try:
                return run()
            except SideRaised as error:
                known = error.module in self.modules(stress_input)
                self.left.setdefault(LeftDomain(stress_input, error.module, str(error)))
                if known:
                    return None

    def finite(
        self, stress_input: str, judged: Mapping[TensorSite, Judgement]
    ) -> dict[TensorSite, Judgement]:
        """Return the judgements without those that an extreme stress input made overflow."""
        if stress_input not in EXTREME_INPUTS:
            return dict(judged)
        kept = {site: j for site, j in judged.items() if j.cause is not Cause.NOT_FINITE}
        for site in judged.keys() - kept.keys():
            self.left.setdefault(LeftDomain(stress_input, site.path))
        return kept
