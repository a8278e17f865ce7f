from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parity.atlas.backends import Backend, jittor_backend
from parity.atlas.calls.use import Dtype, Layer, Ref, Use
from parity.atlas.finding import AtlasCause, ComparedTensor
from parity.atlas.model.judging import (
    JudgeTask,
    LiftingDtypes,
    SourcesTask,
    inputs_of,
    judge_use,
    perform,
)
from parity.atlas.tasks import VersionsTask
from parity.verdict import Verdict

X = np.random.default_rng(0).standard_normal((4, 3, 2, 2)).astype(np.float32)


def use(name: str, *positional: Any, **options: Any) -> Use:
    return Use(name=name, positional=(Ref("x"), *positional), inputs={"x": X}, **options)


def verdicts(backends: tuple[Backend, Backend], u: Use, source: str) -> set[Verdict]:
    return {f.verdict for f in judge_use(u, source, "ordinary", *backends)}


@pytest.fixture
def backends(reference: Backend, candidate: Backend) -> tuple[Backend, Backend]:
    return LiftingDtypes.of(reference), LiftingDtypes.of(candidate)


def test_the_same_call_agrees_and_another_argument_does_not(
    backends: tuple[Backend, Backend],
) -> None:
    silu = use("torch.nn.functional.silu")
    assert verdicts(backends, silu, "F.silu(x)") == {Verdict.IDENTICAL}
    softmax = use("torch.nn.functional.softmax", keywords={"dim": 1})
    assert Verdict.SEMANTIC_DIFFERENCE in verdicts(backends, softmax, "F.softmax(x, dim=2)")


def test_weights_stay_and_other_floats_change_with_the_case() -> None:
    u = use("f", Ref("w"), Ref("t"), weights=frozenset({"w"}))
    u.inputs |= {"w": X[0], "t": np.arange(3)}
    inputs = inputs_of(u, "zeros")
    assert not inputs["x"].any()
    assert np.array_equal(inputs["w"], X[0].astype(np.float64))
    assert np.array_equal(inputs["t"], np.arange(3))


def test_a_case_that_pytorch_refuses_says_nothing(backends: tuple[Backend, Backend]) -> None:
    u = use("torch.Tensor.view", 4, 12)
    assert judge_use(u, "x.reshape(-1, 12) * 2", "empty", *backends) == []
    assert judge_use(u, "x.reshape(-1, 12) * 2", "ordinary", *backends)


def test_float32_in_the_source_follows_the_precision(backends: tuple[Backend, Backend]) -> None:
    made = Use(name="torch.zeros", positional=(3,), keywords={"dtype": Dtype("float32")})
    assert verdicts(backends, made, "torch.zeros(3)") == {Verdict.IDENTICAL}
    cast = use("torch.Tensor.float")
    for _ in range(2):  # a run without casts is not remembered
        verdicts(backends, use("torch.Tensor.neg"), "-x")
        assert verdicts(backends, cast, "x.float()") == {Verdict.IDENTICAL}


def test_statistics_of_a_layer_are_compared_by_their_names(
    backends: tuple[Backend, Backend],
) -> None:
    layer = Layer(
        constructor={"num_features": 3}, required=1, training=True,
        parameters={}, buffers={"running_mean": "running_mean", "running_var": "running_var"},
    )  # fmt: skip
    norm = use("torch.nn.BatchNorm2d", layer=layer, weights=frozenset({"running_mean"}))
    norm.inputs |= {"running_mean": np.zeros(3, "f"), "running_var": np.ones(3, "f")}
    biased = (
        "m = torch.nn.BatchNorm2d(3)\ny = m(x)\n"
        "[y, m.running_mean, 0.9 + 0.1 * x.detach().var((0, 2, 3), unbiased=False)]"
    )
    findings = judge_use(norm, biased, "ordinary", *backends)
    wrong = {f.tensor for f in findings if not f.verdict.passes()}
    assert wrong == {ComparedTensor("output", "running_var")}


@pytest.mark.parametrize(
    ("source", "agrees"),
    [
        ("F.dropout2d(x, 0.3)", True),
        ("F.dropout2d(x, 0.45)", False),
        ("F.dropout(x, 0.3)", False),  # each number for itself
        ("F.dropout2d(x, 0.3) * 1.01", False),
        ("(F.dropout2d(x, 0.3) * 0.7) / 0.7", True),  # rounded otherwise
    ],
)
def test_random_functions_are_judged_by_their_distribution(
    backends: tuple[Backend, Backend], source: str, agrees: bool
) -> None:
    u = Use(
        name="torch.nn.functional.dropout2d", positional=(Ref("x"), 0.3),
        inputs={"x": X}, random=True,
    )  # fmt: skip
    assert all(v.passes() for v in verdicts(backends, u, source)) is agrees


@pytest.mark.parametrize(("causal", "agrees"), [(True, True), (False, False)])
def test_what_a_random_function_computes_is_judged_too(
    backends: tuple[Backend, Backend], causal: bool, agrees: bool
) -> None:
    rows = {name: X.reshape(1, 6, 8) + i for i, name in enumerate("xyz")}
    u = Use(
        name="torch.nn.functional.scaled_dot_product_attention",
        positional=(Ref("x"), Ref("y"), Ref("z")),
        keywords={"dropout_p": 0.1, "is_causal": True}, inputs=rows, random=True,
    )  # fmt: skip
    source = f"F.scaled_dot_product_attention(x, y, z, dropout_p=0.1, is_causal={causal})"
    assert all(v.passes() for v in verdicts(backends, u, source)) is agrees


def test_a_random_result_of_another_size_is_an_error(backends: tuple[Backend, Backend]) -> None:
    u = Use(name="torch.nn.functional.dropout2d", positional=(Ref("x"),), inputs={"x": X},
            random=True)  # fmt: skip
    assert verdicts(backends, u, "F.dropout2d(x[:1])") == {Verdict.ERROR}


def test_independent_numbers_are_all_used(backends: tuple[Backend, Backend]) -> None:
    u = Use(name="torch.randn", positional=(50, 40), random=True)
    assert all(v.passes() for v in verdicts(backends, u, "torch.randn(50, 40)"))
    assert not all(v.passes() for v in verdicts(backends, u, "1.2 * torch.randn(50, 40)"))


def test_a_random_function_that_raises_is_an_error(backends: tuple[Backend, Backend]) -> None:
    u = Use(name="torch.randn", positional=(5,), random=True)
    assert {f.cause for f in judge_use(u, "torch.nothing(5)", "ordinary", *backends)} == {
        AtlasCause.EXCEPTION
    }


def test_tasks_are_performed_with_jittor(reference: Backend) -> None:
    jittor = LiftingDtypes.of(jittor_backend())
    assert {"torch", "jittor"} <= perform(VersionsTask(), reference, jittor).keys()
    clamp = use("torch.Tensor.clamp", keywords={"min": 0.5})
    sources = perform(SourcesTask(clamp), reference, jittor).ways
    assert sources[:2] == ["x.clamp(min=0.5)", "x.clamp(min_v=0.5)"]
    first, second = (
        perform(JudgeTask(clamp, source, "ordinary"), reference, jittor) for source in sources[:2]
    )
    assert first[0].cause is AtlasCause.EXCEPTION
    assert all(f.verdict.passes() for f in second)
