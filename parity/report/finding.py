"""One compared tensor and what is to be said of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from parity.verdict import Verdict

Phase = Literal["init", "forward", "backward", "optimizer", "schedule", "loss", "sampling"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One place and what is to be said of it.

    Attributes:
        path: the reference's own module path, `""` for the model itself.
        phase: init, forward, backward, optimizer, schedule, loss or sampling.
        verdict: the word.
        error, noise: the distance and what rounding explains, both relative to the reference's
            largest value there; NaN where nothing could be measured.
        confirmed: whether injecting the reference's tensors confirmed the place; None: not tried.
        tensor: which tensor of the module.
        probe: under which probe, the worst of them.
        reason: why, where the word alone does not say.
        gap: the two taps between which the fault lies, where it is in code between modules.
        hint: what it most resembles; a guess.
    """

    path: str
    phase: Phase
    verdict: Verdict
    error: float
    noise: float
    confirmed: bool | None = None
    tensor: str = ""
    stress_input: str = "plain"
    reason: str = ""
    gap: str = ""
    hint: str = ""
    allowed: bool = False

    def passes(self, *, strict: bool = False) -> bool:
        """Tell whether the gate lets this finding through."""
        excused = self.allowed and self.verdict is Verdict.ABSTAIN
        return excused or self.verdict.passes(strict=strict)
