"""The correct pairs and courses that faults and rewrites are put into, at the smallest sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import mpmath
import numpy as np

from audit.case import Edit, Side
from ddpm.config import DiffusionConfig, RunConfig, preset
from ddpm_study.exact_schedule import conditioning, exact_tables
from ddpm_study.pairs import Sampling, Training, pairs
from parity.base.numerics import Array, Precision
from parity.compare.tables import judge_table
from parity.pair import Pair
from parity.pair_check import outcome
from parity.report.report import Report
from parity.test_schedule import TABLES
from parity.trace.bound_model import randomize_constant_parameters
from parity.trajectories.trajectory import Trajectory


@dataclass(frozen=True)
class PairBase:
    """A pair of modules; the torch side is the reference, or both are torch's."""

    pair: Pair

    @property
    def name(self) -> str:
        """The pair's name."""
        return self.pair.name

    @property
    def crosses(self) -> bool:
        """Whether the candidate is a port and not a second copy."""
        return self.pair.candidate is not self.pair.reference

    def changed(self, side: Side | None = None, edit: Edit | None = None) -> Pair:
        """Return the pair with one side edited; of two copies, the second."""
        if edit is None:
            return self.pair
        role = "reference" if side == "torch" and self.crosses else "candidate"
        changes: dict[str, Any] = {role: partial(edited, getattr(self.pair, role), edit)}
        return replace(self.pair, **changes)

    def judged(
        self, side: Side | None = None, edit: Edit | None = None, *, seed: int = 0
    ) -> Report:
        """Check the pair."""
        return outcome(self.changed(side, edit), seed=seed)


def edited(build: Callable[..., Any], edit: Edit, *arguments: Any) -> Any:
    """Build a side and edit it; an edit may return what takes its place."""
    built = build(*arguments)
    return edit(built) or built


@dataclass(frozen=True)
class TrajectoryBase:
    """A training or a sampling; an edit is given a stepper."""

    trajectory: Trajectory

    @property
    def name(self) -> str:
        """The course's name."""
        return self.trajectory.name

    def changed(self, side: Side | None = None, edit: Edit | None = None) -> Trajectory:
        """Return the course with one side edited."""
        if edit is None:
            return self.trajectory
        role = "reference" if side == "torch" else "candidate"
        changes: dict[str, Any] = {role: partial(edited, getattr(self.trajectory, role), edit)}
        return replace(self.trajectory, **changes)

    def judged(
        self, side: Side | None = None, edit: Edit | None = None, *, seed: int = 0
    ) -> Report:
        """Check the course."""
        return outcome(self.changed(side, edit), seed=seed)


@dataclass(frozen=True)
class ScheduleBase:
    """Every table of a noise schedule, beside exact arithmetic; an edit is given a `Schedule`."""

    name: str
    config: DiffusionConfig

    def judged(
        self, side: Side | None = None, edit: Edit | None = None, *, seed: int = 0
    ) -> Report:
        """Judge each table as `parity.test_schedule` does; there is nothing to seed."""
        found = {role: self._tables(role, edit if side == role else None) for role in SIDES}
        exact = _exact(self.config)
        with mpmath.workdps(60):
            findings = [
                judge_table(name, found["torch"][name], found["jittor"][name], *exact[name])
                for name in TABLES
            ]
        return Report(pair=self.name, findings=tuple(findings))

    def _tables(self, side: Side, edit: Edit | None) -> dict[str, np.ndarray[Any, Any]]:
        schedule = _schedule(side)(self.config)
        if edit is not None:
            schedule = edit(schedule) or schedule
        return {name: np.asarray(getattr(schedule, name)) for name in TABLES}


@cache
def _exact(config: DiffusionConfig) -> dict[str, tuple[Sequence[mpmath.mpf], float]]:
    """Return each table's exact values, and how many roundings lie on the way to one."""
    with mpmath.workdps(60):
        exact = exact_tables(config)
        return {n: (exact[n], conditioning(exact, n, config.schedule)) for n in TABLES}


SIDES: tuple[Side, Side] = ("torch", "jittor")


def _schedule(side: Side) -> Any:
    from importlib import import_module

    return import_module(f"impl_{side}.schedule").Schedule


_PARTS = {pair.name: pair for pair in pairs()}
# Every part of a U-Net: attention, a change of width and of resolution, dropout.
SMALL = preset("tiny").with_(
    unet={"image_size": 8, "attention_resolutions": (4,), "base_channels": 4, "norm_groups": 2},
    train={"warmup_steps": 2},
)
TIME = PairBase(_PARTS["time embedding"])
RESIDUAL = PairBase(_PARTS["residual block"])
ATTENTION = PairBase(_PARTS["attention"])
DOWNSAMPLE = PairBase(_PARTS["downsample"])
UPSAMPLE = PairBase(_PARTS["upsample"])


def two_copies(base: PairBase) -> PairBase:
    """Return the reference beside a second copy of itself."""
    return PairBase(
        replace(base.pair, name=f"{base.name}, twice", candidate=base.pair.reference, init=False)
    )


def _unet() -> Pair:
    from importlib import import_module

    config = SMALL.unet

    def build(side: str) -> Any:
        return import_module(f"impl_{side}.unet").UNet(config).initialize(0)

    return Pair(
        name="U-Net, small",
        reference=partial(build, "torch"),
        candidate=partial(build, "jittor"),
        inputs=lambda rng: {
            "x": rng.standard_normal((2, 1, 8, 8), np.float32),
            "timestep": rng.integers(0, 1000, 2),
        },
        training=True,
        init=True,
        stress_inputs=("plain", "low variance"),
    )


class UnderWay(Training):
    """A training whose weights have left their initial zeros, which would hide what is before."""

    def __init__(self, framework: str, config: RunConfig, precision: Precision) -> None:
        super().__init__(framework, config, precision)
        state = self.state()
        weights = {name: value for name, value in state.items() if name.startswith("weights:")}
        self.load(
            {**state, **randomize_constant_parameters(weights, dict.fromkeys(weights, ""), 0)}
        )

    def load(self, state: Mapping[str, Array]) -> None:
        """Restore a state, in the precision of this side."""
        precision = self.trainer.checkpoint(dataset="", epoch=0).weights["conv_in.weight"].dtype
        super().load(
            {n: v.astype(precision) if v.dtype.kind == "f" else v for n, v in state.items()}
        )


UNET = PairBase(_unet())
TRAINING = TrajectoryBase(
    Trajectory(
        name="training, small",
        phase="optimizer",
        reference=partial(UnderWay, "torch", SMALL),
        candidate=partial(UnderWay, "jittor", SMALL),
        steps=3,
    )
)
_CHAIN = SMALL.with_(diffusion={"T": 12, "beta_start": 1e-2, "beta_end": 0.5})
SAMPLING = TrajectoryBase(
    Trajectory(
        name="sampling, small",
        phase="sampling",
        reference=partial(Sampling, "torch", _CHAIN),
        candidate=partial(Sampling, "jittor", _CHAIN),
        steps=12,
    )
)
LINEAR = ScheduleBase("schedule, linear", DiffusionConfig(T=200, variance="fixed_small"))
COSINE = ScheduleBase("schedule, cosine", DiffusionConfig(T=200, schedule="cosine"))
