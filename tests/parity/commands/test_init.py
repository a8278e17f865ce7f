"""`parity init` writes a file of pairs that can be loaded, completed and run."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity import CannotCompare, check
from parity.cli import main
from parity.pair_loading import load_pairs

TORCH = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.a = nn.Conv2d(3, width, 3)

    def forward(self, x, t):
        return self.a(x) * t.to(x.dtype).reshape(-1, 1, 1, 1)
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_two_files_become_a_pair_that_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "original").mkdir()
    (here / "original" / "net.py").write_text(TORCH)
    (here / "ported.py").write_text(TORCH)
    assert main(["init"]) == 0
    out = capsys.readouterr().out
    assert "pairs.py: 1 pair\n" in out
    assert "ported.py:Net (torch) against original/net.py:Net (torch)" in out
    (pair,) = load_pairs("pairs.py")
    assert check(pair).passed


def test_models_of_two_frameworks_meet_and_what_is_missing_is_said(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = TORCH.replace(
        "import torch\nfrom torch import nn", "import jittor as jt\nfrom jittor import nn"
    )
    (here / "net.py").write_text(TORCH.replace("width=4", "width"))
    (here / "net_jt.py").write_text(port.replace("forward", "execute"))
    (here / "old.py").write_text("print 'x'\n")
    (here / "more.py").write_text(TORCH.replace("class Net", "class Other"))
    assert main(["init", ".", "--out", "sub/my_pairs.py"]) == 0
    out = capsys.readouterr().out
    assert "net.py:Net (torch) against net_jt.py:Net (jittor)" in out
    assert "old.py is no valid Python" in out
    assert "without a partner: more.py:Other (torch)" in out
    text = (here / "sub" / "my_pairs.py").read_text()
    assert 'load_object(f"{HERE}/../net_jt.py:Net")()' in text
    assert '"t": generator.integers(0, 1000, 2)' in text
    (pair,) = load_pairs("sub/my_pairs.py")
    with pytest.raises(CannotCompare, match=r"my_pairs\.py: say width of Net"):
        check(pair)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("init gone", "gone is no folder"),
        ("init", "has no class that is a module"),
        ("init --out taken.py", "taken.py exists and stays as it is"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    words: str, line: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "taken.py").write_text("mine = 1\n")
    assert main(words.split()) == 2
    error = capsys.readouterr().err
    assert line in error
    assert len(error.splitlines()) == 1
    assert [path.name for path in here.iterdir()] == ["taken.py"]


def test_one_model_alone_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "net.py").write_text(TORCH)
    assert main(["init"]) == 2
    assert (
        "no two models of one name to compare; it has net.py:Net (torch)" in capsys.readouterr().err
    )


def test_every_pair_has_names_of_its_own(here: Path) -> None:
    names = ["Lambda", "UNet", "Unet", "UNetReference", "unet_reference", "EDIT", "Path", "match"]
    names += ["load_object", "Pair"]
    text = "".join(TORCH.replace("class Net", f"class {name}") for name in names)
    (here / "a.py").write_text(text)
    (here / "b.py").write_text(text)
    assert main(["init"]) == 0
    pairs = load_pairs("pairs.py")
    assert sorted(pair.name for pair in pairs) == sorted(names)
    for pair in pairs:
        built = pair.reference(), pair.candidate()
        assert [type(module).__name__ for module in built] == [pair.name, pair.name]
