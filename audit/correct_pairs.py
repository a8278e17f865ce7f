"""The correct pairs, trajectories and schedules that mutants and rewrites edit, all small."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from audit.case import Edit, Framework
from ddpm.config import DiffusionConfig, RunConfig, SampleConfig, preset
from ddpm_study.pairs import (
    Sampling,
    Training,
    built_sampler_tables,
    pairs,
    read_sampler_tables,
    read_tables,
    sampler_tables,
    schedule_tables,
)
from implementations import schedule
from parity.base.numerics import Array, Precision
from parity.compare.tables import Tables
from parity.pair import Pair
from parity.pair_check import compare
from parity.report.report import Report
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

    def edited(self, side: Framework | None = None, edit: Edit | None = None) -> Pair:
        """Return the pair with one side edited; of two copies of one side, the second."""
        if edit is None:
            return self.pair
        are_copies = self.pair.candidate is self.pair.reference
        role = "reference" if side == "torch" and not are_copies else "candidate"
        changes: dict[str, Any] = {role: partial(build_edited, getattr(self.pair, role), edit)}
        return replace(self.pair, **changes)

    def check(
        self, side: Framework | None = None, edit: Edit | None = None, *, seed: int = 0
    ) -> Report:
        """Compare both sides of the pair, one of them edited."""
        return compare(self.edited(side, edit), seed=seed)


def build_edited(build: Callable[..., Any], edit: Edit, *arguments: Any) -> Any:
    """Build a side and edit it; an edit may return a replacement."""
    built = build(*arguments)
    return edit(built) or built


@dataclass(frozen=True)
class TrajectoryBase:
    """A training or a sampling; an edit is given one side's stepper."""

    trajectory: Trajectory

    @property
    def name(self) -> str:
        """The trajectory's name."""
        return self.trajectory.name

    def edited(self, side: Framework | None = None, edit: Edit | None = None) -> Trajectory:
        """Return the trajectory with one side edited."""
        if edit is None:
            return self.trajectory
        role = "reference" if side == "torch" else "candidate"
        changes: dict[str, Any] = {
            role: partial(build_edited, getattr(self.trajectory, role), edit)
        }
        return replace(self.trajectory, **changes)

    def check(
        self, side: Framework | None = None, edit: Edit | None = None, *, seed: int = 0
    ) -> Report:
        """Compare both sides of the trajectory, one of them edited."""
        return compare(self.edited(side, edit), seed=seed)


@dataclass(frozen=True)
class ScheduleBase:
    """Every table of a noise schedule against exact values; an edit is given a `Schedule`."""

    name: str
    config: DiffusionConfig

    def edited(self, side: Framework | None = None, edit: Edit | None = None) -> Tables:
        """Return both sides' tables, those of one side read from an edited schedule."""
        tables = schedule_tables(self.name, self.config)
        if edit is None or side is None:
            return tables
        build = partial(build_edited, partial(schedule, side, self.config), edit)
        role = "reference" if side == "torch" else "candidate"
        changes: dict[str, Any] = {role: lambda: read_tables(build())}
        return replace(tables, **changes)

    def check(
        self, side: Framework | None = None, edit: Edit | None = None, *, seed: int = 0
    ) -> Report:
        """Compare the tables of both sides, one of them edited; nothing in it is random."""
        return compare(self.edited(side, edit), seed=seed)


@dataclass(frozen=True)
class SamplerTablesBase:
    """Every table of a sampler against exact values; an edit is given the object that has them."""

    name: str
    config: DiffusionConfig
    sample: SampleConfig

    def edited(self, side: Framework | None = None, edit: Edit | None = None) -> Tables:
        """Return both sides' tables, those of one side edited."""
        tables = sampler_tables(self.name, self.config, self.sample)
        if edit is None or side is None:
            return tables
        build = partial(built_sampler_tables, side, self.config, self.sample)
        edited = partial(build_edited, build, edit)
        role = "reference" if side == "torch" else "candidate"
        changes: dict[str, Any] = {role: lambda: read_sampler_tables(edited())}
        return replace(tables, **changes)

    def check(
        self, side: Framework | None = None, edit: Edit | None = None, *, seed: int = 0
    ) -> Report:
        """Compare the tables of both sides, one of them edited; nothing in it is random."""
        return compare(self.edited(side, edit), seed=seed)


_PARTS = {pair.name: pair for pair in pairs()}
# A U-Net with every kind of part: attention, changes of width and of resolution, dropout.
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
    """Return the pair of a reference and a second copy of it."""
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


class RandomizedTraining(Training):
    """A training that starts from weights without zeros, which would hide the layers before."""

    def __init__(self, framework: str, config: RunConfig, precision: Precision) -> None:
        super().__init__(framework, config, precision)
        state = self.state()
        weights = {name: value for name, value in state.items() if name.startswith("weights:")}
        self.load(
            {**state, **randomize_constant_parameters(weights, dict.fromkeys(weights, ""), 0)}
        )

    def load(self, state: Mapping[str, Array]) -> None:
        """Restore a state, with floats in the precision of this side."""
        precision = self.trainer.checkpoint(dataset="", epoch=0).weights["conv_in.weight"].dtype
        super().load(
            {n: v.astype(precision) if v.dtype.kind == "f" else v for n, v in state.items()}
        )


UNET = PairBase(_unet())
TRAINING = TrajectoryBase(
    Trajectory(
        name="training, small",
        phase="optimizer",
        reference=partial(RandomizedTraining, "torch", SMALL),
        candidate=partial(RandomizedTraining, "jittor", SMALL),
        steps=3,
    )
)
_CHAIN = SMALL.with_(diffusion={"T": 12, "beta_start": 1e-2, "beta_end": 0.5})


def _sampling(name: str, steps: int = 12, **sample: Any) -> TrajectoryBase:
    config = _CHAIN.with_(sample={"steps": steps, **sample})
    return TrajectoryBase(
        Trajectory(
            name=name,
            phase="sampling",
            reference=partial(Sampling, "torch", config),
            candidate=partial(Sampling, "jittor", config),
            steps=steps,
        )
    )


SAMPLING = _sampling("sampling, small")
_FEW: dict[str, Any] = {"steps": 6, "spacing": "trailing"}
DDIM = _sampling("sampling, small, ddim", sampler="ddim", eta=0.5, **_FEW)
DPM_SOLVER = _sampling("sampling, small, dpm-solver++", sampler="dpm-solver++", **_FEW)
HEUN = _sampling("sampling, small, heun", sampler="heun", **_FEW)
LINEAR = ScheduleBase("schedule, linear", DiffusionConfig(T=200, variance="fixed_small"))
COSINE = ScheduleBase("schedule, cosine", DiffusionConfig(T=200, schedule="cosine"))
