"""Training scripts as they are: their models and optimizers are found while they run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

import parity
from parity.steps.recording import record_script
from parity.steps.replaying import check_script
from parity.steps.script import run_script
from parity.steps.step_file import StepFile

HEAD = """
import sys
import torch
from torch import nn
from torch.nn import functional as F
torch.manual_seed(0)
"""
LOOP = """
net = nn.Linear(3, 2)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(6):
    x = torch.full((4, 3), 1.0 + step)
    optimizer.zero_grad()
    loss = net(x).square().mean()
    loss.backward()
    optimizer.step()
    print("loss", loss.item())
"""


def script(folder: Path, text: str, name: str = "train.py") -> str:
    path = folder / name
    path.write_text(HEAD + text)
    return str(path)


def test_a_script_prints_the_same_digits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = script(tmp_path, LOOP)
    run_script([path])
    plain = capsys.readouterr().out
    record_script(tmp_path / "run.parity", ["python3", path], steps=range(10))
    assert capsys.readouterr().out == plain
    assert StepFile(tmp_path / "run.parity").numbers == [0, 1, 2, 3, 4, 5]


def test_a_script_ends_with_its_last_recorded_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record_script(tmp_path / "run.parity", [script(tmp_path, LOOP)], steps=[1, 3])
    assert capsys.readouterr().out.count("loss") == 4
    recorded = StepFile(tmp_path / "run.parity")
    assert recorded.numbers == [1, 3]
    assert list(recorded.manifest["models"]) == ["Linear"]
    assert recorded.step(3).calls[0].inputs["input"].max() == 4


def test_arguments_the_folder_and_modules_beside_it_are_the_scripts_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "beside_it.py").write_text("RATE = 0.25\n")
    text = LOOP.replace("lr=0.1", "lr=beside_it.RATE").replace(
        "net =", "import beside_it\nassert sys.argv[1:] == ['--epochs', '2']\nnet ="
    )
    monkeypatch.chdir(tmp_path)
    path = script(tmp_path, text, "deeper/train.py")
    argv, folders = list(sys.argv), list(sys.path)
    record_script("run.parity", [path, "--epochs", "2"], steps=[0])
    assert (sys.argv, sys.path) == (argv, folders)
    step = StepFile("run.parity").step(0)
    assert step.optimizer_steps[0].rates["Linear.weight"] == 0.25


def test_models_and_optimizers_are_found_in_the_order_of_their_use(tmp_path: Path) -> None:
    text = """
class Encoder(nn.Linear): pass
class Decoder(nn.Linear): pass
encoder, decoder, unused = Encoder(3, 2), Decoder(2, 3), nn.Linear(2, 2)
criterion = nn.MSELoss()
first = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])
for step in range(3):
    first.zero_grad()
    x = torch.ones(4, 3)
    criterion(decoder(encoder(x)), x).backward()
    first.step()
"""
    record_script(tmp_path / "run.parity", [script(tmp_path, text)], steps=[0, 1])
    recorded = StepFile(tmp_path / "run.parity")
    assert list(recorded.manifest["models"]) == ["Encoder", "Decoder"]
    (taken,) = recorded.step(0).optimizer_steps
    assert set(taken.given) == {
        *("Encoder.weight", "Encoder.bias"),
        *("Decoder.weight", "Decoder.bias"),
    }
    assert all(gradient.any() for gradient in taken.given.values())
    report = check_script(tmp_path / "run.parity", [script(tmp_path, text)])
    assert report.passed, str(report)


def test_other_names_are_renamed(tmp_path: Path) -> None:
    text = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
    def forward(self, x):
        return self.second(self.first(x).tanh())
"""
    text += LOOP.replace("nn.Linear(3, 2)", "Net()")
    record_script(tmp_path / "run.parity", [script(tmp_path, text)], steps=[0])
    other = script(tmp_path, text.replace("first", "alpha").replace("second", "beta"), "port.py")
    swapped = {"Net.first": "Net.beta", "Net.second": "Net.alpha"}
    report = check_script(tmp_path / "run.parity", [other], rename=swapped)
    assert not report.passed  # the layers are exchanged
    fitting = {"Net.first": "Net.alpha", "Net.second": "Net.beta"}
    report = check_script(tmp_path / "run.parity", [other], rename=fitting)
    assert report.passed, str(report)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise ValueError('no data')", r"raised ValueError: no data \(train.py:7\)"),
        ("sys.exit(3)", "ended with status 3"),
        ("print('nothing')", "no step 0 was completed"),
        ("net = nn.Linear(3, 2); net(torch.ones(1, 3))", "no step 0 was completed"),
        ("this is no Python", "SyntaxError"),
    ],
)
def test_what_trains_nothing_is_refused_in_one_line(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(parity.CannotCompare, match=message) as caught:
        record_script(tmp_path / "run.parity", [script(tmp_path, text)], steps=[0])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run.parity").exists()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ([], "after --"),
        (["no.py"], "no script no.py"),
        (["python", "-c", "1"], "python -c has no script"),
    ],
)
def test_a_script_must_be_there(tmp_path: Path, command: list[str], message: str) -> None:
    with pytest.raises(parity.CannotCompare, match=message):
        record_script(tmp_path / "run.parity", command, steps=[0])


def test_a_part_of_a_model_that_is_called_alone_is_no_model(tmp_path: Path) -> None:
    text = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(3, 2), nn.Linear(2, 3)
    def forward(self, x):
        return self.decoder(self.encoder(x))
    def sample(self, z):
        return self.decoder(z)
"""
    text += LOOP.replace("nn.Linear(3, 2)", "Net()").replace(
        "    loss.backward()", "    net.sample(torch.ones(1, 2)); loss.backward()"
    )
    record_script(tmp_path / "run.parity", [script(tmp_path, text)], steps=[0, 1])
    assert list(StepFile(tmp_path / "run.parity").manifest["models"]) == ["Net"]
    assert check_script(tmp_path / "run.parity", [script(tmp_path, text)]).passed


@pytest.mark.parametrize("options", [["-u"], ["-W", "ignore", "-u"], ["-B"]])
def test_options_of_the_interpreter_are_left_out(tmp_path: Path, options: list[str]) -> None:
    command = ["python3", *options, script(tmp_path, LOOP)]
    assert record_script(tmp_path / "run.parity", command, steps=[0]) == [0]


def test_a_renaming_of_nothing_is_refused(tmp_path: Path) -> None:
    path = script(tmp_path, LOOP)
    record_script(tmp_path / "run.parity", [path], steps=[0])
    with pytest.raises(parity.CannotCompare, match="nothing at or below 'foo'"):
        check_script(tmp_path / "run.parity", [path], rename={"foo": "bar"})


def test_sys_exit_with_success_is_an_end(tmp_path: Path) -> None:
    path = script(tmp_path, LOOP + "\nsys.exit(0)")
    record_script(tmp_path / "run.parity", [path], steps=range(6))
    assert StepFile(tmp_path / "run.parity").numbers == [0, 1, 2, 3, 4, 5]


def test_the_frameworks_are_left_as_they_were(tmp_path: Path) -> None:
    call, init = torch.nn.Module.__call__, torch.optim.Optimizer.__init__
    finders = list(sys.meta_path)
    record_script(tmp_path / "run.parity", [script(tmp_path, LOOP)], steps=[0])
    assert torch.nn.Module.__call__ is call
    assert torch.optim.Optimizer.__init__ is init
    assert sys.meta_path == finders


def test_a_further_model_is_named(tmp_path: Path) -> None:
    record_script(tmp_path / "run.parity", [script(tmp_path, LOOP)], steps=[0])
    text = LOOP.replace(
        "optimizer =",
        "other = nn.Linear(3, 3)\nsecond = torch.optim.SGD(other.parameters())\noptimizer =",
    ).replace("net(x)", "net(other(x))")
    with pytest.raises(parity.CannotCompare, match="parameter 'weight' is"):
        check_script(tmp_path / "run.parity", [script(tmp_path, text, "more.py")])
