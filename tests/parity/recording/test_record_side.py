"""One side recorded, the other judged against it: the same findings as with both sides alive."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import jittor_env
from parity import CannotCompare, Pair, Record, Report, check, record
from parity.errors import NotRecorded
from parity.pair_check import diff

FAULTS = ["", "glue", "cut", "gradient", "residual", "unstable", "nan"]
Recorded = Callable[[Pair], Record]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """`recorded(pair)`: the record of its reference, made once for pairs of one name."""
    folder, made = tmp_path_factory.mktemp("records"), dict[str, Record]()

    def make(pair: Pair) -> Record:
        if pair.name not in made:
            record(pair, folder / pair.name)
            made[pair.name] = Record.open(folder / pair.name)
        return made[pair.name]

    return make


def findings(report: Report) -> list[str]:
    """Return all that is said of every tensor, but for what another run of the reference tells."""
    return [repr(dataclasses.replace(finding, hint="")) for finding in report.findings]


def assert_same(pair: Pair, recorded: Recorded) -> Report:
    live, judged = check(pair), check(pair, reference=recorded(pair))
    assert findings(judged) == findings(live)
    assert judged.findings
    return judged


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_as_with_both_sides(
    fault: str, models: ModuleType, recorded: Recorded
) -> None:
    report = assert_same(models.faulty(fault), recorded)
    assert report.passed == (not fault)


@pytest.mark.parametrize("epsilon", [1e-5, 1e-4])
def test_every_stress_input_is_in_it(
    epsilon: float, models: ModuleType, recorded: Recorded
) -> None:
    pair = models.block_pair(
        lambda: models.Block(epsilon=epsilon), name="all", training=True,
        stress_inputs=("plain", "low variance", "zeros"),
    )  # fmt: skip
    assert assert_same(pair, recorded).passed == (epsilon == 1e-5)


class Net(nn.Module):
    """Two layers and a number of epochs that training changes."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(5, 7), nn.Linear(7, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(torch.tanh(self.a(x)))


def training_pair(candidate: Any, **options: Any) -> Pair:
    return Pair(
        name="training", reference=Net, candidate=candidate, stress_inputs=("plain",),
        inputs=lambda rng: {"x": rng.standard_normal((4, 5)).astype("float32")},
        loss=lambda y: (y * y).sum(), **options,
    )  # fmt: skip


def adam(parameters: Any) -> Any:
    return torch.optim.Adam(parameters, lr=1e-2)


class DetachedNet(Net):
    """Trains its first layer too slowly."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.tanh(self.a(x))
        return self.b(h * 0.9 + 0.1 * h.detach())


@pytest.mark.parametrize("candidate", [Net, DetachedNet])
def test_the_optimizer_s_steps_and_free_training_are_in_it(
    candidate: Any, recorded: Recorded
) -> None:
    report = assert_same(training_pair(candidate, optimizer={"torch": adam}), recorded)
    assert {"step", "free_run"} <= {finding.scope for finding in report.findings}
    assert report.passed == (candidate is Net)


def test_another_optimizer_is_found(recorded: Recorded) -> None:
    recorded(training_pair(Net, optimizer={"torch": adam}))
    pair = training_pair(Net, optimizer={"torch": lambda p: torch.optim.Adam(p, lr=1e-2, eps=1e-3)})
    report = check(pair, reference=recorded(pair))
    assert {finding.scope for finding in report.findings if finding.is_fault} == {
        "step",
        "free_run",
    }


def jittor_net(factor: float = 1.0) -> Any:
    """Return the builder of `Net` in Jittor."""
    jt: Any = jittor_env.load()

    class JittorNet(jt.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            self.a, self.b = jt.nn.Linear(5, 7), jt.nn.Linear(7, 3)
            generator = np.random.default_rng(0)
            for parameter in self.parameters():
                values = generator.standard_normal(tuple(parameter.shape))
                parameter.assign(jt.array(values.astype("float32")))

        def execute(self, x: Any) -> Any:
            return self.b(jt.tanh(self.a(x)) * factor)

    return JittorNet


def of_both_frameworks(reference: Any, candidate: Any, **options: Any) -> Pair:
    jt: Any = jittor_env.load()
    optimizer = {"torch": adam, "jittor": lambda p: jt.optim.Adam(p, lr=1e-2)}
    pair = training_pair(candidate, optimizer=optimizer, **options)
    return dataclasses.replace(pair, name=f"{reference.__name__} recorded", reference=reference)


EPSILON = {"jittor.adam.eps": "a test"}


def test_jittor_is_judged_against_pytorch_and_its_adam_named(recorded: Recorded) -> None:
    assert_same(of_both_frameworks(Net, jittor_net(), accept=EPSILON), recorded)


def test_pytorch_is_judged_against_jittor_and_its_adam_named(recorded: Recorded) -> None:
    assert_same(of_both_frameworks(jittor_net(), Net, accept=EPSILON), recorded)


@pytest.mark.parametrize("factor", [1.0 + 1e-6, 1.5])
def test_a_fault_on_either_side_is_found_in_both_frameworks(
    factor: float, recorded: Recorded
) -> None:
    assert not assert_same(of_both_frameworks(Net, jittor_net(factor)), recorded).passed
    faulty = of_both_frameworks(jittor_net(factor), Net)
    assert not assert_same(dataclasses.replace(faulty, name=f"{factor}"), recorded).passed


def test_the_candidate_may_be_the_recorded_side(tmp_path: Path, models: ModuleType) -> None:
    pair = models.faulty("glue")
    record(pair, tmp_path / "candidate", side="candidate")
    report = check(pair, reference=Record.open(tmp_path / "candidate"))
    assert report.first_divergence is not None
    assert (report.first_divergence.path, report.first_divergence.owner) == ("", "batch")
    mapped = dataclasses.replace(pair, weights={"conv.weight": "conv.weight"})
    with pytest.raises(CannotCompare, match="only the reference can be recorded"):
        record(mapped, tmp_path / "mapped", side="candidate")


class Functional(nn.Module):
    """A block's function, whose activation is no module."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(torch.tanh(self.a(x)))


class Modular(Functional):
    """The same, with a module."""

    def __init__(self) -> None:
        super().__init__()
        self.activation = nn.Tanh()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(self.activation(self.a(x)))


def test_a_module_that_only_the_record_has_must_be_left_out_of_it(tmp_path: Path) -> None:
    pair = Pair(
        name="modular", reference=Modular, candidate=Functional, stress_inputs=("plain",),
        inputs=lambda rng: rng.standard_normal((2, 3)).astype("float32"),
    )  # fmt: skip
    record(pair, tmp_path / "whole")
    with pytest.raises(NotRecorded, match=r"record the side again with --without activation$"):
        check(pair, reference=Record.open(tmp_path / "whole"))
    record(pair, tmp_path / "without", without=["activation"])
    judged = check(pair, reference=Record.open(tmp_path / "without"))
    assert findings(judged) == findings(check(pair))


@pytest.mark.parametrize("stress_inputs", [("plain",), ("plain", "zeros", "low variance")])
@pytest.mark.parametrize("optimizer", [None, {"torch": adam}])
def test_the_size_is_said_before(stress_inputs: Any, optimizer: Any, tmp_path: Path) -> None:
    """Of tensors as large as a model's; of tiny ones, what is said of them is larger."""
    pair = Pair(
        name="wide", reference=lambda: nn.Sequential(nn.Linear(256, 256), nn.Tanh()),
        candidate=nn.Identity, inputs=lambda rng: rng.standard_normal((256, 256)).astype("float32"),
        stress_inputs=stress_inputs, optimizer=optimizer,
    )  # fmt: skip
    said: list[int] = []
    record(pair, tmp_path / "x", announce=said.append)
    assert 0.5 * said[0] < (tmp_path / "x").stat().st_size < said[0]


class Complex(nn.Module):
    """A layer whose weight is complex."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = factor
        self.weight = nn.Parameter(torch.randn(3, 2, dtype=torch.complex64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x.to(self.weight.dtype) @ self.weight * self.factor).abs()


@pytest.mark.parametrize("factor", [1.0, 1.001])
def test_complex_weights_are_recorded(factor: float, recorded: Recorded) -> None:
    pair = Pair(
        name="complex", reference=Complex, candidate=lambda: Complex(factor),
        inputs=lambda rng: rng.standard_normal((2, 3)).astype("float32"), loss=lambda y: y.sum(),
        optimizer={"torch": lambda p: torch.optim.SGD(p, lr=0.1)}, stress_inputs=("plain",),
    )  # fmt: skip
    assert assert_same(pair, recorded).passed == (factor == 1.0)


class Noise(nn.Module):
    """Adds random numbers of its own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.rand_like(x)


class Double(nn.Module):
    """Draws nothing."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2


class Named(nn.Module):
    """A noisy and a quiet layer, under names that a port may exchange."""

    def __init__(self, noisy: str, quiet: str) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.add_module(noisy, Noise())
        self.add_module(quiet, Double())
        self.order = quiet, noisy

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for name in self.order:
            x = getattr(self, name)(x)
        return self.linear(x)


class Renamed(Named):
    """The same with another name of its argument."""

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return super().forward(given)


@pytest.mark.parametrize(("allowed", "passes"), [("b", True), ("a", False)])
def test_an_allowed_module_is_that_of_the_pair_s_reference_whichever_side_is_recorded(
    allowed: str, passes: bool, tmp_path: Path
) -> None:
    pair = Pair(
        name="exchanged", reference=lambda: Named("b", "a"), candidate=lambda: Renamed("a", "b"),
        rename={"a": "b", "b": "a"}, argument_names={"x": "given"}, stress_inputs=("plain",),
        inputs=lambda rng: {"x": rng.standard_normal((2, 4)).astype("float32")},
        allow={allowed: "draws", "": "depends on it"},
    )  # fmt: skip
    record(pair, tmp_path / "reference")
    record(pair, tmp_path / "candidate", side="candidate")
    record(pair, tmp_path / "like", like=Record.open(tmp_path / "reference"))
    reports = [
        check(pair),
        check(pair, reference=Record.open(tmp_path / "reference")),
        check(pair, reference=Record.open(tmp_path / "candidate")),
        diff(Record.open(tmp_path / "reference"), Record.open(tmp_path / "like")),
    ]
    assert [report.passed for report in reports] == [passes] * len(reports)


def test_a_tensor_of_another_shape_is_named(tmp_path: Path) -> None:
    def build(padding: int) -> nn.Module:
        convolution = nn.Conv2d(1, 1, 3, padding=padding)
        return nn.Sequential(convolution, nn.ReLU(), nn.AdaptiveAvgPool2d(1))

    pair = Pair(
        name="shape", reference=lambda: build(1), candidate=lambda: build(0),
        inputs=lambda rng: rng.standard_normal((1, 1, 5, 5)).astype("float32"),
        stress_inputs=("plain",),
    )  # fmt: skip
    record(pair, tmp_path / "x")
    expected = r"output of 0 has the shape \(1, 1, 3, 3\) and was recorded with \(1, 1, 5, 5\)"
    with pytest.raises(NotRecorded, match=expected) as raised:
        check(pair, reference=Record.open(tmp_path / "x"))
    assert str(raised.value).endswith("record the side again with --without 0,1,2")
    record(pair, tmp_path / "y", without=["0", "1", "2"])
    assert check(pair, reference=Record.open(tmp_path / "y")).verdict is check(pair).verdict


def test_places_make_it_smaller(tmp_path: Path, models: ModuleType) -> None:
    pair = models.block_pair(name="places")
    record(pair, tmp_path / "all")
    record(pair, tmp_path / "some", places=["head"])
    assert (tmp_path / "some").stat().st_size < (tmp_path / "all").stat().st_size / 2
    report = check(pair, reference=Record.open(tmp_path / "some"))
    assert {
        f.owner for f in report.findings if f.scope == "isolated" and f.quantity == "output"
    } == {
        "",
        "head",
    }
    with pytest.raises(CannotCompare, match=r"'nothing\*' matches no module"):
        record(pair, tmp_path / "none", places=["nothing*"])
    assert not (tmp_path / "none").exists()


def test_a_model_that_raises_is_said_to_do_so_and_leaves_no_file(tmp_path: Path) -> None:
    class Raises(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("no further")

    pair = training_pair(Raises)
    with pytest.raises(CannotCompare, match="no further"):
        record(dataclasses.replace(pair, reference=Raises), tmp_path / "record")
    assert list(tmp_path.iterdir()) == []


def test_the_recorded_side_is_not_built(tmp_path: Path, models: ModuleType) -> None:
    pair = models.block_pair(name="gone")
    record(pair, tmp_path / "gone")

    def build() -> Any:
        raise AssertionError("it is not here")

    alone = dataclasses.replace(pair, reference=build)
    assert check(alone, reference=Record.open(tmp_path / "gone")).passed


def test_the_module_is_afterwards_as_it_was(tmp_path: Path) -> None:
    net = Net()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    generator = torch.get_rng_state()
    pair = dataclasses.replace(training_pair(Net, optimizer={"torch": adam}), reference=lambda: net)
    record(pair, tmp_path / "record")
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert torch.equal(generator, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_equal_runs_are_equal_files(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = Net()
    pair = dataclasses.replace(training_pair(Net), reference=lambda: net)
    for name in ("one", "other"):
        record(pair, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
