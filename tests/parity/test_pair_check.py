"""The whole engine on PyTorch against PyTorch: agreement, injected faults, bad input."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity import CannotCompare, Pair, Verdict, assert_parity, check
from parity.base.stress_inputs import STRESS_INPUTS
from parity.report.wording import segment_name


@pytest.mark.parametrize("training", [False, True])
def test_a_model_agrees_with_itself(training: bool, models: ModuleType) -> None:
    report = check(models.block_pair(training=training, stress_inputs=tuple(STRESS_INPUTS)))
    assert report.verdict is Verdict.IDENTICAL
    assert report.passed
    assert report.first_divergence is None
    assert len(report.findings) > 40


def test_a_clamp_at_float16s_largest_number_is_seen(models: ModuleType) -> None:
    def clamped() -> nn.Module:
        block: nn.Module = models.Block()
        forward = block.conv.forward
        block.conv.forward = lambda input: forward(input).clamp(-65504, 65504)
        return block

    report = check(models.block_pair(clamped, stress_inputs=tuple(STRESS_INPUTS)))
    first = report.first_divergence
    assert first is not None
    assert (first.path, first.stress_input) == ("conv", "beyond float16")


def test_every_phase_of_a_model_is_judged(models: ModuleType) -> None:
    report = check(models.block_pair(training=True))
    tensors = {(f.path, f.phase, f.tensor) for f in report.findings}
    assert ("norm", "forward", "output") in tensors
    assert ("norm", "backward", "gradient of weight") in tensors
    assert ("batch", "forward", "running_var after the run") in tensors
    assert ("", "backward", "gradient of input x, end to end") in tensors


@pytest.mark.parametrize(
    ("fault", "path", "phase", "tensor", "between"),
    [
        ("glue", "", "forward", "input of batch", "output of norm and input of batch"),
        ("residual", "", "forward", "input of dropout", "output of act and input of dropout"),
        ("transposed", "", "forward", "output 0", "output of dropout and output of the model"),
        ("cut", "", "backward", "gradient of output of act", "output of act and input of dropout"),
        (
            "gradient",
            "",
            "backward",
            "gradient of output of act",
            "output of act and input of drop",
        ),
    ],
)
def test_a_fault_is_found_where_it_is(
    fault: str, path: str, phase: str, tensor: str, between: str, models: ModuleType
) -> None:
    report = check(models.faulty(fault))
    first = report.first_divergence
    assert first is not None
    assert first.segment is not None
    assert segment_name(first.segment).startswith(between)
    assert f"in the code between {between}" in str(report)
    assert (first.path, first.phase, first.verdict.name) == (path, phase, "SEMANTIC_DIFFERENCE")
    assert tensor in first.tensor or fault == "transposed"
    assert first.confirmed


def test_a_wrong_epsilon_is_found_in_its_own_layer_and_nowhere_else(models: ModuleType) -> None:
    report = check(models.block_pair(lambda: models.Block(epsilon=1e-6)))
    faults = [f for f in report.findings if not f.passes() and f.scope != "end_to_end"]
    assert {f.path for f in faults} == {"norm"}
    assert report.first_divergence is not None
    assert report.first_divergence.tensor == "output"
    assert report.first_divergence.error > 1e3 * report.first_divergence.noise


def test_a_rewritten_sum_is_the_same_function() -> None:
    class TwoPass(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.ones(6)), nn.Parameter(torch.zeros(6))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            centred = x - x.mean(-1, keepdim=True)
            variance = (centred**2).mean(-1, keepdim=True)
            return centred / (variance + 1e-5).sqrt() * self.weight + self.bias

    pair = Pair(
        name="layer norm",
        reference=lambda: nn.LayerNorm(6),
        candidate=TwoPass,
        inputs=lambda rng: {"x": rng.standard_normal((5, 6), np.float32)},
        rename={},
    )
    pair = Pair(**{**vars(pair), "reference": lambda: _Named(nn.LayerNorm(6))})
    pair = Pair(**{**vars(pair), "candidate": lambda: _Named(TwoPass())})
    assert check(pair).passed


class _Named(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


def test_one_pass_variance_only_loses_digits() -> None:
    class OnePass(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.ones(64)), nn.Parameter(torch.zeros(64))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            mean = x.mean(-1, keepdim=True)
            variance = ((x * x).mean(-1, keepdim=True) - mean * mean).clamp(min=0)
            return (x - mean) / (variance + 1e-5).sqrt() * self.weight + self.bias

    pair = Pair(
        name="one pass",
        reference=lambda: _Named(nn.LayerNorm(64)),
        candidate=lambda: _Named(OnePass()),
        inputs=lambda rng: {"x": rng.standard_normal((16, 64), np.float32)},
    )
    report = check(pair)
    assert report.verdict is Verdict.NUMERICALLY_WEAKER
    assert report.passed
    assert not report.passes(strict=True)
    assert "the candidate loses digits" in str(report)


def test_a_side_that_differs_from_itself_abstains_and_does_not_pass(models: ModuleType) -> None:
    report = check(models.faulty("unstable"))
    assert report.first_divergence is not None
    assert report.first_divergence.verdict is Verdict.ABSTAIN
    assert report.first_divergence.tensor == "output 0"
    assert "the candidate differs from itself" in report.first_divergence.reason
    assert not report.passed


def test_a_place_that_abstains_may_be_allowed_by_name(models: ModuleType) -> None:
    excused = {"": "the output is unstable"}
    report = check(models.block_pair(lambda: models.Block(fault="unstable"), allow=excused))
    assert report.passed, str(report)


def test_an_entry_that_excuses_nothing_is_refused(models: ModuleType) -> None:
    with pytest.raises(CannotCompare) as raised:
        check(models.block_pair(allow={"conv": "it is slow"}))
    assert str(raised.value) == (
        "pair 'block': allow names 'conv', which excused nothing: remove the entry"
    )


def test_beside_a_fault_an_unused_entry_is_only_noted(models: ModuleType) -> None:
    report = check(models.block_pair(lambda: models.Block(fault="glue"), allow={"conv": "slow"}))
    assert report.verdict is Verdict.SEMANTIC_DIFFERENCE
    assert "allow names 'conv', which excused nothing: remove the entry" in report.notes


def test_nan_never_passes(models: ModuleType) -> None:
    report = check(models.faulty("nan"))
    assert report.verdict is Verdict.ERROR
    assert report.first_divergence is not None
    assert "not finite" in report.first_divergence.reason


def test_zero_initialised_layers_hide_nothing(models: ModuleType) -> None:
    def zeroed(epsilon: float) -> nn.Module:
        block = models.Block(epsilon=epsilon)
        nn.init.zeros_(block.head.weight)
        return block

    pair = models.block_pair(lambda: zeroed(1e-6))
    pair = Pair(**{**vars(pair), "reference": lambda: zeroed(1e-5)})
    first = check(pair).first_divergence
    assert first is not None
    assert first.path == "norm"


def test_a_wrong_initialisation_is_a_finding_when_asked_for(models: ModuleType) -> None:
    def wide() -> nn.Module:
        block = models.Block()
        nn.init.normal_(block.conv.weight, std=3)
        nn.init.ones_(block.head.bias)
        return block

    noted = check(models.block_pair(wide))
    assert noted.passed
    assert any("initial values differ" in note for note in noted.notes)
    first = check(models.block_pair(wide, init=True)).first_divergence
    assert first is not None
    assert (first.path, first.phase, first.tensor) == ("conv", "init", "weight")


def test_initial_weights_may_be_asked_to_be_the_same_numbers(models: ModuleType) -> None:
    def seeded(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        block: nn.Module = models.Block()
        return block

    settings: dict[str, Any] = {
        "name": "block", "stress_inputs": ("plain",), "reference": lambda: seeded(0),
        "inputs": models.block_inputs,
    }  # fmt: skip
    assert check(Pair(candidate=lambda: seeded(1), init=True, **settings)).passed
    assert check(Pair(candidate=lambda: seeded(0), init="exact", **settings)).passed
    first = check(Pair(candidate=lambda: seeded(1), init="exact", **settings)).first_divergence
    assert first is not None
    assert (first.path, first.phase) == ("conv", "init")
    assert first.reason == "of the same distribution, but other numbers"
    with pytest.raises(CannotCompare, match="init = 'same' must be True, False or 'exact'"):
        Pair(candidate=lambda: seeded(0), init="same", **settings)


def test_a_fault_of_a_model_that_returns_nothing_is_one() -> None:
    class Mute(nn.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.linear, self.factor = nn.Linear(3, 3), factor
            forward = self.linear.forward
            self.linear.forward = lambda input: factor * forward(input)  # type: ignore[method-assign]

        def forward(self, x: torch.Tensor) -> None:
            self.linear(x)

    pair = Pair(
        name="mute", reference=lambda: Mute(1), candidate=lambda: Mute(1.1),
        stress_inputs=("plain",),
        inputs=lambda rng: {"x": rng.standard_normal((2, 3), np.float32)},
    )  # fmt: skip
    first = check(pair).first_divergence
    assert first is not None
    assert (first.path, first.phase) == ("linear", "forward")


def test_assert_parity_raises_with_the_text_of_the_report(models: ModuleType) -> None:
    with pytest.raises(AssertionError, match="SEMANTIC_DIFFERENCE") as caught:
        assert_parity(models.faulty("glue"))
    assert "input of batch" in str(caught.value)


def test_names_that_differ_are_matched_by_order() -> None:
    pair = Pair(
        name="sequential",
        reference=lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)),
        candidate=_TwoLayers,
        inputs=lambda rng: {"input": rng.standard_normal((5, 3), np.float32)},
    )
    report = check(pair)
    assert report.passed
    assert {"0", "2"} <= {f.path for f in report.findings}


class _TwoLayers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return self.second(torch.tanh(self.first(input)))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"candidate": lambda: 1 / 0}, "the candidate's builder raised ZeroDivisionError"),
        ({"candidate": lambda: 3}, "a builder returned 'int', which is no module of"),
        ({"candidate": lambda: nn.Linear(3, 3)}, "parameters without a partner"),
        ({"inputs": lambda rng: {"x": "a"}}, "inputs returned dict without an array"),
        ({"inputs": lambda rng: {"x": np.full(3, np.nan)}}, "holds NaN"),
        ({"inputs": lambda rng: ["a"]}, "inputs returned list"),
        ({"inputs": lambda rng: {"y": np.zeros(3)}}, "the reference takes (x: "),
        ({"inputs": lambda rng: {"x": np.zeros(3)}}, "TypeError: missing a required argument: 't'"),
        ({"rename": {"nowhere": "there"}}, "nothing at or below 'nowhere'"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(
    options: dict, text: str, models: ModuleType
) -> None:
    settings = {
        "name": "bad",
        "reference": models.Block,
        "candidate": models.Block,
        "inputs": models.block_inputs,
        "stress_inputs": ("plain",),
        **options,
    }
    with pytest.raises(CannotCompare) as caught:
        check(Pair(**settings))
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


class _Fused(nn.Module):
    """A linear layer with its activation inside."""

    def __init__(self, activation: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3))
        self.bias = nn.Parameter(torch.randn(4))
        self.activation = activation

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return getattr(torch, self.activation)(nn.functional.linear(input, self.weight, self.bias))


@pytest.mark.parametrize(("activation", "passes"), [("tanh", True), ("sigmoid", False)])
def test_modules_may_be_divided_otherwise_and_faults_stay_faults(
    activation: str, passes: bool
) -> None:
    pair = Pair(
        name="fused",
        reference=lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)),
        candidate=lambda: nn.Sequential(_Fused(activation), nn.Identity(), nn.Linear(4, 2)),
        inputs=lambda rng: {"input": rng.standard_normal((5, 3), np.float32)},
        stress_inputs=("plain",),
    )
    report = check(pair)
    assert report.passed is passes
    assert any("other boundaries in the candidate" in note for note in report.notes) is passes
