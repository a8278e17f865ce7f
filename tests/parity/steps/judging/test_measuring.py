"""The tensors of a training step that are judged, and their rounding, in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity.limits import FLOAT32_EPSILON, K
from parity.steps import sites
from parity.steps.judging.measuring import PHASES, UNKNOWN, measure
from parity.steps.step_data import BackwardPass, Call, Measure, OptimizerStep, TrainingStep
from parity.trace.sites import TensorSite

ULP = FLOAT32_EPSILON


class Nothing:
    """An optimizer whose steps leave nothing."""

    def set_gradients(self, gradients: Mapping[str, Any]) -> None: ...

    def set_state(self, state: Mapping[str, Any], count: int | None) -> None: ...

    def take_step(self) -> None: ...

    def set_rates(self, rates: Mapping[str, float]) -> Any:
        return lambda: None

    def snapshot(self) -> Any:
        return lambda: None

    def state(self) -> dict[str, Any]:
        return {}


def measured(step: TrainingStep) -> dict[TensorSite, Measure]:
    """Measure a step that has no model to be run again."""
    optimizers = {taken.optimizer: Nothing() for taken in step.optimizer_steps}
    measure(step, SimpleNamespace(models={}, optimizers=optimizers))  # type: ignore[arg-type]
    return step.measures


def taken_step(
    passes: list[int],
    gradients: dict[str, np.ndarray] | None = None,
    given: dict[str, np.ndarray] | None = None,
    **fields: Any,
) -> OptimizerStep:
    values: dict[str, Any] = {
        "optimizer": "sgd", "passes": passes, "gradients": gradients or {},
        "given": given or gradients or {}, "used": {}, "settings": {}, "rates": {}, "count": None,
        "counted": 1, "before": {}, "after": {}, "weights_before": {},
        "weights_after": {},
    }  # fmt: skip
    return OptimizerStep(**{**values, **fields})


def called(output: Any, cotangents: dict[int, Any], **fields: Any) -> Call:
    call = Call("", 0, True, outputs={"": np.array(output, np.float32)}, **fields)
    call.cotangents = {n: {"": np.array(g, np.float32)} for n, g in cotangents.items()}
    return call


def squared_loss(*outputs: float) -> TrainingStep:
    """Return a step with a call of one output for each backward pass, whose loss is its square."""
    step = TrainingStep(0, optimizer_steps=[taken_step(list(range(len(outputs))))])
    for number, y in enumerate(outputs):
        step.calls.append(called([y], {number: [2 * y]}))
        spread = {(number, ""): 2 * abs(y) * ULP}
        step.passes.append(BackwardPass(np.array(y * y, np.float32), spread))
    return step


def test_one_output_moves_the_loss_by_its_product_with_the_gradient() -> None:
    found = measured(squared_loss(6.0))[sites.loss("sgd", 0)]
    assert found.float32.tolist() == 36
    assert found.float32.dtype == np.float32
    assert found.float64 is None
    assert found.spread32 == 6 * 12 * ULP
    assert found.terms == 1


def test_the_losses_of_all_passes_of_a_step_are_added_up() -> None:
    step = squared_loss(6.0, -3.0, 5.0)
    step.optimizer_steps = [taken_step([0, 1]), taken_step([2])]
    found = measured(step)
    assert found[sites.loss("sgd", 0)].float32.tolist() == 36 + 9
    assert found[sites.loss("sgd", 0)].terms == 2
    assert found[sites.loss("sgd", 1)].float32.tolist() == 25
    # Signs are random: one of three trials has the sum, or else all have the difference.
    assert found[sites.loss("sgd", 0)].spread32 in ((72 + 18) * ULP, (72 - 18) * ULP)
    assert found[sites.loss("sgd", 1)].spread32 == 50 * ULP


def test_the_spread_of_a_loss_is_that_of_random_signs() -> None:
    generator = np.random.default_rng(0)
    output = generator.standard_normal(1000).astype(np.float32)
    gradient = generator.standard_normal(1000).astype(np.float32)
    step = TrainingStep(0, calls=[called(output, {0: gradient})])
    step.passes = [BackwardPass(np.array(1.0), {})]
    step.optimizer_steps = [taken_step([0])]
    found = measured(step)[sites.loss("sgd", 0)]
    deviation = np.sqrt(((output.astype(np.float64) * gradient) ** 2).sum()) * ULP
    assert 0.2 * deviation < found.spread32 < 5 * deviation
    assert found.terms == 1000


def test_an_output_that_two_passes_reach_has_the_sum_of_their_gradients() -> None:
    step = TrainingStep(0, calls=[called([1.0, 2.0], {0: [1, 3], 1: [10, 30]}, epsilon=2.0**-7)])
    step.passes = [BackwardPass(np.array(1.0), {(0, ""): n}) for n in (0.25, 0.5)]
    step.optimizer_steps = [taken_step([0, 1])]
    found = measured(step)[sites.output_gradient("", 0, "")]
    assert found.float32.tolist() == [11, 33]
    assert found.spread32 == 0.75
    assert found.epsilon == 2.0**-7
    step.passes[1].spread = None
    assert measured(step)[sites.output_gradient("", 0, "")].spread32 == UNKNOWN


def test_an_output_that_no_pass_reaches_has_no_gradient() -> None:
    step = squared_loss(6.0)
    step.calls.append(called([1.0], {}))
    found = [site for site in measured(step) if site.quantity == "output_gradient"]
    assert found == [sites.output_gradient("", 0, "")]


def rounding_of_norm(gradients: list[np.ndarray]) -> float:
    """Return the relative error of a norm that is summed one float32 after the other."""
    exact = np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in gradients))
    total = np.float32(0)
    for gradient in gradients:
        part = np.float32(0)
        for element in gradient.reshape(-1):
            scaled = np.float32(element / np.float32(exact))
            part = np.float32(part + np.float32(scaled * scaled))
        total = np.float32(total + part)
    return float(abs(np.sqrt(float(total)) - 1))


@pytest.mark.parametrize("scale", [1.0, 1e-20, 1e25])
def test_a_gradient_that_is_given_is_rounded_as_the_norm_of_all(scale: float) -> None:
    generator = np.random.default_rng(0)
    gradients = {
        "a": (generator.standard_normal((20, 30)) * scale).astype(np.float32),
        "b": (generator.standard_normal(7) * scale).astype(np.float32),
        "empty": np.zeros((0, 2), np.float32),
    }
    given = {path: array * np.float32(0.5) for path, array in gradients.items()}
    expected = rounding_of_norm(list(gradients.values()))
    assert expected > 0
    step = TrainingStep(0, optimizer_steps=[taken_step([], gradients, given)])
    found = measured(step)
    for path, array in given.items():
        of_path = found[sites.given_gradient(path, 0)]
        np.testing.assert_array_equal(of_path.float32, array)
        largest = float(np.abs(array).max()) if array.size else 0.0
        np.testing.assert_allclose(of_path.spread32, largest * expected, rtol=1e-9)


@pytest.mark.parametrize("size", [10, 1000, 200_000])
def test_what_pytorch_clips_is_within_the_rounding(size: int) -> None:
    parameter = nn.Parameter(torch.zeros(size))
    gradient = np.random.default_rng(size).standard_normal(size).astype(np.float32)
    parameter.grad = torch.from_numpy(gradient.copy())
    nn.utils.clip_grad_norm_([parameter], 1.0)
    exact = gradient / (np.linalg.norm(gradient.astype(np.float64)) + 1e-6)
    given = {"w": parameter.grad.numpy()}
    step = TrainingStep(0, optimizer_steps=[taken_step([], {"w": gradient}, given)])
    found = measured(step)[sites.given_gradient("w", 0)]
    noise = max(found.spread32, np.abs(exact).max() * ULP / 2)
    assert np.abs(found.float32 - exact).max() <= K * noise


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_a_norm_that_is_no_number_says_nothing_of_rounding(value: float) -> None:
    gradients = {"w": np.full(3, value, np.float32)}
    found = measured(TrainingStep(0, optimizer_steps=[taken_step([], gradients)]))
    assert found[sites.given_gradient("w", 0)].spread32 == 0


def test_settings_are_judged_one_by_one() -> None:
    step = TrainingStep(0, rates_after={"sgd": {"w": 0.05}})
    settings = {"w": {"lr": 0.1, "betas.0": 0.9}}
    step.optimizer_steps = [
        taken_step([], settings=settings, count=7, counted=2),
        taken_step([], settings={"w": {"lr": 1 / 3}}),
    ]
    found = {site: m.float32.tolist() for site, m in measured(step).items() if site.phase != "loss"}
    assert found == {
        sites.counted("sgd", 0): 2,
        sites.setting("w", "betas.0", 0): 0.9,
        sites.setting("w", "lr", 0): 0.1,
        sites.setting("w", "lr", 1): 1 / 3,
        sites.rate_after("w"): 0.05,
    }
    assert step.measures[sites.counted("sgd", 0)].float32.dtype.kind == "i"


def test_an_average_is_rounded_as_what_it_is_made_of() -> None:
    step = TrainingStep(0)
    step.averages_before = {"": {"w": np.array([-8.0]), "v": np.array([1.0])}}
    step.averages_after = {"": {"w": np.array([0.5]), "v": np.array([0.5]), "u": np.array([3.0])}}
    step.weights = {"": [{"w": np.array([2.0]), "v": np.array([100.0])}, {"v": np.array([4.0])}]}
    found = measured(step)
    for path, largest in (("w", 8), ("v", 4), ("u", 3)):
        assert found[sites.average("", path)].spread32 == largest * ULP / 2


def test_data_are_judged_as_they_arrived() -> None:
    step = TrainingStep(0, batches=[{"0": np.ones(2)}, {"0": np.zeros(2)}])
    call = Call("net", 0, False, arrived={"x": np.full(1, 5.0)}, inputs={"x": np.full(1, 6.0)})
    step.calls = [Call("net", 0, None), call]
    found = {site: measure.float32.tolist() for site, measure in measured(step).items()}
    assert found == {
        sites.batch(0, "0"): [1, 1],
        sites.batch(1, "0"): [0, 0],
        sites.model_input("net", 1, "x"): [5],
        sites.mode("net", 1): False,
    }


def test_the_order_is_that_of_events() -> None:
    step = squared_loss(1.0)
    step.batches = [{"0": np.ones(1)}]
    step.averages_after = {"": {"w": np.ones(1)}}
    step.optimizer_steps = [
        taken_step([0], {"w": np.ones(1)}, settings={"w": {"lr": 0.1, "eps": 0.1}}, count=1)
    ]
    phases = [site.phase for site in measured(step)]
    assert phases == sorted(phases, key=PHASES.index)
    assert set(phases) == set(PHASES) - {"backward"}  # there is no model to be run again
