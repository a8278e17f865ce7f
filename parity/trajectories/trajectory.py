"""Training or sampling as two sides that take steps, as a user describes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from parity.base.numerics import Array, Precision
from parity.trace.sites import Phase

# Arrays by name. `group:path` names what belongs to a module, `exp_avg:down.0.weight` for example.
State = Mapping[str, Array]
# The entry of `Trajectory.allow` that lets a free run go past its horizon.
HORIZON = "horizon"


class Stepper(Protocol):
    """One side of a trajectory, built in one precision: it goes from state to state by steps."""

    def state(self) -> State:
        """Return a copy of the whole state."""

    def load(self, state: State) -> None:
        """Continue from a state, whose floats have the precision that this side was built in."""

    def step(self, number: int) -> State:
        """Take step `number`, from 0; return arrays that it reports by name, such as its loss."""


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """Two sides that take steps and are meant to be the same.

    Attributes:
        name: of the trajectory, in reports.
        phase: `optimizer` or `sampling` for single steps; a free run of training is `loss`.
        reference: (precision) -> stepper.
        candidate: (precision) -> stepper.
        steps: number of the reference's own steps that are compared one by one.
        free: number of steps in which each side runs freely; 0 leaves this out.
        gain: linear growth of an error over the free run. Reports also state errors divided by it;
            no verdict depends on it.
        allow: `horizon` or a module path -> reason, of what may ABSTAIN: `horizon` is for a
            trajectory that is known to go past its horizon. An entry that matches nothing is
            refused.
    """

    name: str
    phase: Phase
    reference: Callable[[Precision], Stepper]
    candidate: Callable[[Precision], Stepper]
    steps: int
    free: int = 0
    gain: float = 1.0
    allow: Mapping[str, str] | None = None


Course = Trajectory  # its name in version 0.1
