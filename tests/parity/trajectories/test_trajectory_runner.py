"""Trajectories of NumPy steppers: no framework is needed to compare two optimizers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest

from parity import CannotCompare, Trajectory, Verdict
from parity.trajectories.check_trajectory import check_trajectory

TARGET = np.random.default_rng(0).standard_normal(12)


class Adam:
    """Adam on a quartic bowl, with the faults that ports have."""

    def __init__(self, precision: str, fault: str = "", lr: float = 1e-2) -> None:
        self.dtype, self.fault, self.lr = np.dtype(precision), fault, lr
        self.values: dict[str, Any] = {
            "weights:layer.w": np.linspace(-1, 1, 12).astype(self.dtype),
            "m:layer.w": np.zeros(12, self.dtype),
            "v:layer.w": np.zeros(12, self.dtype),
            "steps": np.array(0),
        }

    def state(self) -> dict[str, Any]:
        return dict(self.values)

    def load(self, state: Mapping[str, Any]) -> None:
        self.values = dict(state)

    def step(self, number: int) -> dict[str, Any]:
        w, m, v = (self.values[f"{group}:layer.w"] for group in ("weights", "m", "v"))
        n = int(self.values["steps"]) + 1
        difference = w - TARGET.astype(self.dtype)
        gradient = difference**3 * (1.01 if self.fault == "gradient scale" else 1)
        m = self.dtype.type(0.9) * m + self.dtype.type(0.1) * gradient
        v = self.dtype.type(0.999) * v + self.dtype.type(0.001) * gradient**2
        epsilon = self.dtype.type(1e-8)
        root = np.sqrt(v / self.dtype.type(1 - 0.999**n)) + epsilon
        if self.fault == "epsilon hat":
            root = (np.sqrt(v) + epsilon) / self.dtype.type(np.sqrt(1 - 0.999**n))
        w = w - self.dtype.type(self.lr / (1 - 0.9**n)) * m / root
        if self.fault == "raises" and number == 3:
            raise RuntimeError("no more")
        new = {"weights:layer.w": w, "m:layer.w": m, "v:layer.w": v, "steps": np.array(n)}
        self.values = {k: np.asarray(x, self.dtype) if k != "steps" else x for k, x in new.items()}
        return {"loss": np.asarray((difference**4).sum(), self.dtype)}


def trajectory(fault: str = "", *, lr: float = 1e-2, **options: Any) -> Trajectory:
    settings: dict[str, Any] = {"steps": 6, "free": 30, **options}
    return Trajectory(
        name="adam",
        phase="optimizer",
        reference=partial(Adam, lr=lr),
        candidate=partial(Adam, fault=fault, lr=lr),
        **settings,
    )


@pytest.mark.parametrize("lr", [1e-4, 1e-2, 1.0])
def test_an_optimizer_agrees_with_itself_at_every_learning_rate(lr: float) -> None:
    assert check_trajectory(trajectory(lr=lr, free=0)).verdict is Verdict.IDENTICAL


@pytest.mark.parametrize("lr", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("fault", ["epsilon hat", "gradient scale"])
def test_one_step_shows_what_a_loss_curve_hides(fault: str, lr: float) -> None:
    first = check_trajectory(trajectory(fault, lr=lr, free=0)).first_divergence
    assert first is not None
    assert (first.path, first.phase) == ("layer", "optimizer")
    assert first.verdict is Verdict.SEMANTIC_DIFFERENCE


class SinglePixel:
    """Moments of an attention over one pixel: zero for the query, but for a side's own rounding."""

    def __init__(self, precision: str, left: float, size: float = 0.0) -> None:
        self.dtype, self.left, self.size = np.dtype(precision), left, size
        moments = ("attention.query.w", "attention.value.w", "elsewhere.w")
        self.values: dict[str, Any] = {
            "weights:attention.value.w": np.linspace(1, 2, 3),
            **{f"exp_avg:{name}": np.zeros(3) for name in moments},
        }

    def state(self) -> dict[str, Any]:
        return dict(self.values)

    def load(self, state: Mapping[str, Any]) -> None:
        self.values = dict(state)

    def step(self, number: int) -> dict[str, Any]:
        w = self.values["weights:attention.value.w"]
        rounding = self.left * np.finfo(self.dtype).eps if self.dtype == np.float64 else 0
        self.values = {
            **self.values,
            "exp_avg:attention.query.w": np.full(3, rounding + self.size, self.dtype),
            "exp_avg:attention.value.w": w * w,
            "exp_avg:elsewhere.w": np.full(3, 1e9, self.dtype),
        }
        return {}


@pytest.mark.parametrize(
    ("reference", "candidate", "passes"),
    [
        ((1.0, 0.0), (0.0, 0.0), True),  # rounding, and in float32 by chance none
        ((0.0, 0.0), (1.0, 0.0), True),
        ((0.0, 1e-5), (0.0, 1e-5), True),
        ((0.0, 1e-5), (0.0, 1.001e-5), False),  # small, and a fault
        ((0.0, 1e-9), (0.0, 1.001e-9), False),
        ((0.0, 0.0), (0.0, 1e-12), False),
    ],
)
def test_what_is_zero_beside_something_is_judged_by_that(
    reference: tuple[float, float], candidate: tuple[float, float], passes: bool
) -> None:
    report = check_trajectory(
        Trajectory(
            name="single pixel",
            phase="optimizer",
            reference=lambda precision: SinglePixel(precision, *reference),
            candidate=lambda precision: SinglePixel(precision, *candidate),
            steps=1,
        )
    )
    assert report.passed == passes
    if not passes:
        assert report.first_divergence is not None
        assert report.first_divergence.path == "attention.query"


def test_a_free_run_is_judged_step_by_step() -> None:
    report = check_trajectory(trajectory("epsilon hat", steps=0))
    assert report.first_divergence is not None
    assert report.first_divergence.phase == "loss"
    assert check_trajectory(trajectory(steps=0)).passed
    assert len(report.findings) == 30


def test_past_the_horizon_there_is_no_verdict() -> None:
    class Chaos:
        """The logistic map: one ulp doubles with every step."""

        def __init__(self, precision: str, order: int) -> None:
            self.dtype, self.order = np.dtype(precision), order
            self.x = np.array([0.3], self.dtype)

        def state(self) -> dict[str, Any]:
            return {"x": self.x}

        def load(self, state: Mapping[str, Any]) -> None:
            self.x = state["x"]

        def step(self, number: int) -> dict[str, Any]:
            four, one = self.dtype.type(4), self.dtype.type(1)
            x = self.x
            self.x = four * x * (one - x) if self.order else four * x - four * x * x
            return {"x": self.x}

    settings: dict[str, Any] = {
        "name": "chaos",
        "phase": "sampling",
        "reference": lambda precision: Chaos(precision, 0),
        "candidate": lambda precision: Chaos(precision, 1),
        "steps": 2,
        "free": 40,
    }
    report = check_trajectory(Trajectory(**settings))
    words = [f.verdict for f in report.findings if "free" in f.tensor]
    horizon = words.index(Verdict.ABSTAIN)
    assert 8 < horizon < 30
    assert set(words[horizon:]) == {Verdict.ABSTAIN}
    assert all(word.passes() for word in words[:horizon])
    assert not report.passed
    assert check_trajectory(Trajectory(**settings, allow={"horizon": "it is chaotic"})).passed


def test_a_course_that_stays_within_its_horizon_may_not_be_excused() -> None:
    with pytest.raises(CannotCompare, match="allow names 'horizon', which excused nothing"):
        check_trajectory(trajectory(free=5, allow={"horizon": "it is chaotic"}))


def test_a_side_that_raises_is_named_with_its_step() -> None:
    with pytest.raises(CannotCompare, match="the candidate, at step 3 in float32, raised Runtime"):
        check_trajectory(trajectory("raises"))


class Walk:
    """A chain x <- x / 2 + step whose last image may be a little off."""

    def __init__(self, precision: str, off: float = 0.0) -> None:
        self.x, self.off = np.zeros((2, 3), precision), off

    def state(self) -> dict[str, Any]:
        return {"x": self.x}

    def load(self, state: Mapping[str, Any]) -> None:
        self.x = state["x"]

    def step(self, number: int) -> dict[str, Any]:
        targets = np.linspace(-0.9, 0.9, 6).reshape(2, 3).astype(self.x.dtype)
        self.x = targets + (self.off * np.eye(2, 3, dtype=self.x.dtype) if number == 3 else 0)
        return {"x": self.x}


@pytest.mark.parametrize(
    ("off", "text"),
    [
        (0.0, "100.0000% of 6 equal, largest difference 0 of 255"),
        (2 / 127.5, "66.6667% of 6 equal, largest difference 2 of 255"),
    ],
)
def test_final_images_are_compared_in_pixels(off: float, text: str) -> None:
    walk = Trajectory(
        name="walk", phase="sampling", reference=Walk, candidate=partial(Walk, off=off),
        steps=1, free=4,
    )  # fmt: skip
    (note,) = check_trajectory(walk).notes
    assert text in note
