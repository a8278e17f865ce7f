"""A kept step that is run again, against closed forms in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import jittor_env
from parity.limits import FLOAT32_EPSILON
from parity.steps import sites
from parity.steps.judging.measuring import measure
from parity.steps.judging.reruns import indexed_steps, measured
from parity.steps.loop.observer import StepObserver
from parity.steps.step_data import Measure, OptimizerStep, TrainingStep
from parity.steps.subjects import subjects

jt = jittor_env.load()
SITE = sites.output("", 0, "")


def measured_one(as_run: Any, run: Any, epsilon: float = FLOAT32_EPSILON) -> Measure:
    array = np.asarray(as_run)
    return measured({SITE: array}, lambda *a: {SITE: run(*a)}, {SITE: epsilon}, 0)[SITE]


X = np.array([1 / 3, -2.0, 5.0])


def tripled(precision: Any, perturbation: Any) -> np.ndarray:
    x = X.astype(np.float32).astype(precision)
    return 3 * (x if perturbation is None else perturbation(x, "x"))


def test_what_the_harness_computes_again_is_known_in_both_precisions() -> None:
    as_run = np.float32(3) * X.astype(np.float32)
    found = measured_one(as_run, tripled)
    assert found.float32 is as_run
    assert found.float64 is not None
    np.testing.assert_array_equal(found.float64, 3 * X.astype(np.float32).astype(np.float64))
    # One ulp of 5 is 2^-21, and three times it moves the largest element.
    assert 2.0**-22 <= found.spread32 <= 3 * 2.0**-20
    assert 2.0**-51 <= found.spread64 <= 3 * 2.0**-49
    assert found.terms == 3


@pytest.mark.parametrize(("shift", "is_known"), [(1e-6, True), (1e-3, False)])
def test_what_the_script_computed_otherwise_is_not_known(shift: float, is_known: bool) -> None:
    found = measured_one(np.float32(3) * X.astype(np.float32) + np.float32(shift), tripled)
    assert (found.float64 is not None) == is_known
    if not is_known:
        assert (found.spread32, found.spread64) == (0, 0)


def test_a_coarse_precision_allows_more() -> None:
    as_run = np.float32(3) * X.astype(np.float32) + np.float32(0.1)
    assert measured_one(as_run, tripled).float64 is None
    found = measured_one(as_run, tripled, epsilon=2.0**-7)
    assert found.float64 is not None
    assert found.epsilon == 2.0**-7


def test_a_number_has_the_shape_that_it_had() -> None:
    found = measured_one(np.float32(2.0), lambda p, _: np.full(1, 2.0, p))
    assert found.float64 is not None
    assert found.float64.shape == ()
    assert measured_one(np.ones(2, np.float32), lambda p, _: np.ones(3, p)).float64 is None


def test_integers_are_what_they_are() -> None:
    found = measured_one(np.array([1, 2]), lambda p, _: np.array([1, 2]))
    assert found.float64 is not None
    assert found.float64.dtype.kind == "i"


def test_what_the_harness_does_not_reach_is_not_known() -> None:
    array = np.ones(2, np.float32)
    found = measured({SITE: array}, lambda *_: {}, {SITE: FLOAT32_EPSILON}, 0)[SITE]
    assert found.float64 is None
    assert found.float32 is array


def test_each_optimizer_numbers_its_own_steps() -> None:
    taken = [
        OptimizerStep(n, [], {}, {}, {}, {}, {}, None, 1, {}, {}, {}, {}) for n in ("a", "b", "a")
    ]
    found = list(indexed_steps(TrainingStep(0, optimizer_steps=taken)))
    assert [index for index, _ in found] == [0, 0, 1]
    assert all(one is other for (_, one), other in zip(found, taken, strict=True))


def observed(model: Any, optimizer: Any, loop: Callable[[], None]) -> list[TrainingStep]:
    """Run a loop and measure every step of it."""
    parts, steps = subjects(model, optimizer), []

    def finished(step: TrainingStep, observer: StepObserver) -> None:
        measure(step, observer)
        steps.append(step)

    observer = StepObserver(
        parts.loop, parts.models, parts.optimizers, {},
        kept=lambda number: True, finished=finished,
    )  # fmt: skip
    with parts.loop.watching(observer):
        observer.start()
        loop()
        observer.close()
    return steps


def array(tensor: Any) -> np.ndarray:
    """Return a tensor in float64."""
    result: np.ndarray = tensor.detach().numpy().astype(np.float64)
    return result


def close(measure: Measure, expected: np.ndarray) -> None:
    assert measure.float64 is not None
    assert measure.float64.dtype == np.float64
    np.testing.assert_allclose(measure.float64, expected, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(measure.float32, expected, rtol=1e-5, atol=1e-6)
    assert measure.float32.dtype == np.float32


def test_outputs_and_gradients_of_two_calls_are_those_of_float64() -> None:
    torch.manual_seed(0)
    model, x = nn.Linear(3, 2), torch.randn(2, 4, 3)
    weight, bias = array(model.weight), array(model.bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def loop() -> None:
        loss = model(x[0]).square().mean() + 3 * model(x[1]).sum()
        loss.backward()
        optimizer.step()

    (step,) = observed(model, optimizer, loop)
    for number in range(2):
        close(step.measures[sites.output("", number, "")], array(x[number]) @ weight.T + bias)
    cotangents = [array(torch.from_numpy(call.cotangents[0][""])) for call in step.calls]
    np.testing.assert_array_equal(cotangents[1], np.full((4, 2), 3.0))
    expected = sum(c.T @ array(given) for c, given in zip(cotangents, x, strict=True))
    close(step.measures[sites.gradient("weight", 0)], expected)
    close(step.measures[sites.gradient("bias", 0)], sum(c.sum(0) for c in cotangents))


@pytest.mark.parametrize("name", ["SGD", "AdamW"])
def test_a_step_of_an_optimizer_is_taken_in_float64_and_the_loop_goes_on_as_before(
    name: str,
) -> None:
    def run(is_observed: bool) -> tuple[list[TrainingStep], nn.Module]:
        torch.manual_seed(0)
        model, x = nn.Linear(3, 2), torch.randn(3, 4, 3)
        make = {
            "SGD": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
            "AdamW": lambda p: torch.optim.AdamW(p, lr=0.1),
        }[name]
        optimizer = make(model.parameters())

        def loop() -> None:
            for given in x:
                optimizer.zero_grad()
                model(given).square().mean().backward()
                optimizer.step()

        steps = observed(model, optimizer, loop) if is_observed else loop()
        return steps or [], model

    (steps, model), (_, plain) = run(True), run(False)
    for own, other in zip(model.parameters(), plain.parameters(), strict=True):
        assert torch.equal(own, other)
        assert torch.equal(own.grad, other.grad)
        assert own.dtype == torch.float32
    assert len(steps) == 3
    taken = steps[2].optimizer_steps[0]
    wide = nn.Parameter(torch.from_numpy(taken.weights_before["weight"].astype(np.float64)))
    wide.grad = torch.from_numpy(taken.used["weight"].astype(np.float64))
    optimizer = (
        torch.optim.SGD([wide], lr=0.1, momentum=0.9)
        if name == "SGD" else torch.optim.AdamW([wide], lr=0.1)
    )  # fmt: skip
    for key, arrays in taken.before.items():
        optimizer.state[wide][key] = torch.from_numpy(arrays["weight"].astype(np.float64))
    optimizer.state[wide]["step"] = torch.tensor(2.0)
    optimizer.step()
    close(steps[2].measures[sites.weight("weight", 0)], array(wide))
    for key in taken.before:
        state = steps[2].measures[sites.state("weight", key, 0)]
        close(state, array(optimizer.state[wide][key]))


def test_buffers_are_those_of_every_call_in_its_mode() -> None:
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3)), torch.randn(2, 4, 3)
    model[1].eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def loop() -> None:
        (model(x[0]) + model(x[1])).sum().backward()
        optimizer.step()

    (step,) = observed(model, optimizer, loop)
    mean, variance = np.zeros(3), np.ones(3)
    for given in x:
        mean = 0.9 * mean + 0.1 * array(given).mean(0)
        variance = 0.9 * variance + 0.1 * array(given).var(0, ddof=1)
    close(step.measures[sites.buffer("0.running_mean")], mean)
    close(step.measures[sites.buffer("0.running_var")], variance)
    np.testing.assert_array_equal(step.measures[sites.buffer("1.running_mean")].float64, [0, 0, 0])
    assert step.measures[sites.buffer("0.num_batches_tracked")].float64 == 2
    np.testing.assert_array_equal(model[0].running_mean, step.buffers_after[""]["0.running_mean"])
    assert [module.training for module in model] == [True, False]


def test_dropout_drops_what_it_dropped() -> None:
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(4, 30), nn.Dropout(0.5)), torch.randn(2, 4)
    weight, bias = array(model[0].weight), array(model[0].bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    returned = []

    def loop() -> None:
        returned.append(model(x))
        returned[0].sum().backward()
        optimizer.step()

    (step,) = observed(model, optimizer, loop)
    kept = array(returned[0]) != 0
    assert 0 < kept.sum() < 60
    close(step.measures[sites.output("", 0, "")], kept * 2 * (array(x) @ weight.T + bias))
    close(step.measures[sites.gradient("0.bias", 0)], 2.0 * kept.sum(0))


def test_gradients_that_the_harness_cannot_know_stay_as_they_were() -> None:
    torch.manual_seed(0)
    model, x = nn.Linear(3, 2), torch.randn(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def loop() -> None:
        (model(x).sum() + model.weight.square().sum()).backward()
        optimizer.step()

    expected = 2 * array(model.weight) + array(x).sum(0)
    (step,) = observed(model, optimizer, loop)
    found = step.measures[sites.gradient("weight", 0)]
    np.testing.assert_allclose(found.float32, expected, rtol=1e-5)
    assert found.float64 is None
    close(step.measures[sites.gradient("bias", 0)], np.full(2, 4.0))


def test_a_call_whose_gradients_two_optimizers_use_is_called_for_each() -> None:
    torch.manual_seed(0)
    models = {"g": nn.Linear(2, 2, bias=False), "d": nn.Linear(2, 1, bias=False)}
    optimizers = {n: torch.optim.SGD(m.parameters(), lr=0.5) for n, m in models.items()}
    z = torch.randn(3, 2)
    g, d = (array(models[name].weight) for name in models)

    def loop() -> None:
        fake = models["g"](z)
        models["d"](fake.detach()).sum().backward()
        optimizers["d"].step()
        optimizers["g"].zero_grad()
        (models["d"](fake) * 2).sum().backward()
        optimizers["g"].step()

    (step,) = observed(models, optimizers, loop)
    fake = step.calls[0].outputs[""].astype(np.float64)  # as the script passes it on
    np.testing.assert_allclose(fake, array(z) @ g.T, rtol=1e-5)
    used = step.optimizer_steps[0].used["d.weight"].astype(np.float64)
    np.testing.assert_allclose(used, fake.sum(0)[None], rtol=1e-5)
    after = d - 0.5 * used
    close(step.measures[sites.output("d", 0, "")], fake @ d.T)
    close(step.measures[sites.gradient("d.weight", 0)], fake.sum(0)[None])
    close(step.measures[sites.weight("d.weight", 0)], after)
    # The second call of the discriminator has the weights that its step left.
    np.testing.assert_allclose(
        step.measures[sites.output("d", 1, "")].float64, fake @ after.T, rtol=1e-5
    )
    expected = 2 * after.T @ array(z).sum(0)[None]
    np.testing.assert_allclose(
        step.measures[sites.gradient("g.weight", 0)].float64, expected, rtol=1e-5
    )


def test_a_call_that_is_made_for_two_optimizers_changes_buffers_once() -> None:
    torch.manual_seed(0)
    model, x = nn.BatchNorm1d(3), torch.randn(4, 3)
    optimizers = [torch.optim.SGD([p], lr=0.5) for p in (model.bias, model.weight)]

    def loop() -> None:
        y = model(x)
        for optimizer in optimizers:
            (y * 3).sum().backward(retain_graph=True)
            optimizer.step()
            model.zero_grad()

    (step,) = observed(model, optimizers, loop)
    assert [taken.passes for taken in step.optimizer_steps] == [[0], [1]]
    close(step.measures[sites.buffer("running_mean")], 0.1 * array(x).mean(0))
    close(step.measures[sites.gradient("bias", 0)], np.full(3, 12.0))


def test_a_model_of_jittor_is_run_again_in_float64() -> None:
    model = jt.nn.Linear(3, 2)
    x = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    weight, bias = (p.numpy().astype(np.float64) for p in (model.weight, model.bias))
    optimizer = jt.optim.SGD(model.parameters(), 0.5)

    def loop() -> None:
        optimizer.step((model(jt.array(x)) * 2).sum())

    (step,) = observed(model, optimizer, loop)
    close(step.measures[sites.output("", 0, "")], x.astype(np.float64) @ weight.T + bias)
    gradient = np.tile(2 * x.astype(np.float64).sum(0), (2, 1))
    close(step.measures[sites.gradient("weight", 0)], gradient)
    taken = step.optimizer_steps[0]
    expected = weight - 0.5 * taken.used["weight"].astype(np.float64)
    close(step.measures[sites.weight("weight", 0)], expected)
    np.testing.assert_array_equal(model.weight.numpy(), taken.weights_after["weight"])
    assert str(model.weight.dtype) == "float32"
