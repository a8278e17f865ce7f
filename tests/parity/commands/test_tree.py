from __future__ import annotations

import re
from pathlib import Path

import pytest

from parity.cli import main

MODELS = """
from torch import nn
from parity import Pair, Tables

class Split(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(4, 4) for _ in range(4))

class Fused(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(4, 12), nn.Linear(4, 4)

pair = Pair(name="attention", reference=Split, candidate=Fused, inputs=lambda g: None)
tables = Tables(name="t", reference=dict, candidate=dict, exact=())

def broken():
    raise ValueError("no weights")
"""


@pytest.fixture
def models(tmp_path: Path) -> str:
    path = tmp_path / "models.py"
    path.write_text(MODELS)
    return str(path)


def test_what_is_proposed_makes_the_trees_match(
    models: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tree", f"{models}:pair"]) == 1
    shown = capsys.readouterr().out
    assert '"qkv.weight": concat("q.weight", "k.weight", "v.weight"),' in shown
    text = MODELS.replace(
        "inputs=lambda g: None)",
        "inputs=lambda g: None, weights={f'qkv.{n}': concat(f'q.{n}', f'k.{n}', f'v.{n}')"
        " for n in ('weight', 'bias')})",
    ).replace("import Pair,", "import Pair\nfrom parity.weights import concat\nfrom parity import")
    mapped = Path(models).with_name("mapped.py")
    mapped.write_text(text)
    assert main(["tree", f"{mapped}:pair"]) == 0
    assert "every parameter has a partner" in capsys.readouterr().out


def test_two_builders_need_no_inputs(models: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tree", "--reference", f"{models}:Split", "--candidate", f"{models}:Split"]) == 0
    assert capsys.readouterr().out.count("(torch)") == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to compare"),
        (("{}:tables",), "only a parity.Pair has module trees"),
        (("--reference", "{}:broken", "--candidate", "{}:Split"), "ValueError: no weights"),
        (("{}:nothing",), "has no attribute 'nothing'"),
    ],
)
def test_bad_input_is_one_line(
    models: str, arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tree", *(text.format(models) for text in arguments)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_check_shows_what_differs_where_names_do_not_match(
    models: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--reference", f"{models}:Split", "--candidate", f"{models}:Fused"]
    assert main(["check", *arguments, "--input", "x=1,4"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("parity: ")
    assert re.search(r"qkv.weight +\(12, 4\) +no partner", error)


def test_renamings_of_builders_are_proposed_as_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "nets.py"
    path.write_text(
        "from torch import nn\n"
        "def one():\n    return nn.ModuleDict({'a': nn.Linear(2, 2), 'b': nn.Linear(2, 2)})\n"
        "def other():\n    return nn.ModuleDict({'b1': nn.Linear(2, 2), 'a1': nn.Linear(2, 2)})\n"
    )
    builders = ["--reference", f"{path}:one", "--candidate", f"{path}:other"]
    assert main(["tree", *builders]) == 1
    shown = capsys.readouterr().out
    assert shown.endswith("  --rename a=a1\n  --rename b=b1\n")
    assert main(["tree", *builders, "--rename", "a=a1", "--rename", "b=b1"]) == 0
