"""`[tool.parity.accept]` of the nearest pyproject.toml, read and applied."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from parity import CannotCompare, Pair, check
from parity.cli import main
from parity.compare.project import accepted_here
from parity.report.known_divergences import DIVERGENCES

DAY = date(2026, 11, 28)
STRUCTURE = "output structure"


def project(folder: Path, table: str) -> Path:
    (folder / "pyproject.toml").write_text(table)
    return folder


def test_a_reason_and_a_last_day_are_read(tmp_path: Path) -> None:
    project(
        tmp_path,
        '[tool.parity.accept]\n"jittor.adam.eps" = "small"\n'
        '"jittor.batch_norm.running_var" = { reason = " not trained ", until = 2026-11-28 }\n'
        '"subgradient" = { reason = "ties are rare", until = 2026-11-27 }\n',
    )
    inner = tmp_path / "inner"
    inner.mkdir()
    accepted = accepted_here(inner, DAY)
    assert accepted.reasons == {
        "jittor.adam.eps": "small",
        "jittor.batch_norm.running_var": "not trained",
    }
    assert accepted.expired == {"subgradient": date(2026, 11, 27)}
    assert accepted.notes() == [
        "pyproject.toml accepted 'subgradient' until 2026-11-27, which has passed"
    ]


@pytest.mark.parametrize("table", ["", "[tool.ruff]\n", '[tool.other]\nname = "parity"\n'])
def test_other_files_accept_nothing(table: str, tmp_path: Path) -> None:
    assert accepted_here(project(tmp_path, table)) == ({}, {})


def test_the_nearest_file_counts(tmp_path: Path) -> None:
    project(tmp_path, '[tool.parity.accept]\n"jittor.adam.eps" = "small"\n')
    inner = tmp_path / "inner"
    inner.mkdir()
    assert accepted_here(project(inner, "")).reasons == {}


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("[tool.parity]\nacept = 1\n", "has 'acept'; it may have a table, accept"),
        ("[tool.parity]\naccept = 1\n", "accept is no table"),
        ("[tool]\nparity = 1\n", "tool.parity must be a table"),
        ('[tool.parity.accept]\nadam = "x"\n', "'adam', which is no known divergence; there are"),
        ('[tool.parity.accept]\n"subgradient" = " "\n', "must be a reason, or { reason"),
        ('[tool.parity.accept]\n"subgradient" = 1\n', "must be a reason, or { reason"),
        ("[tool.parity.accept]\nsubgradient = { until = 2026-11-28 }\n", "must be a reason"),
        (
            '[tool.parity.accept]\nsubgradient = { reason = "x", until = "2026-11-28" }\n',
            "must be a reason",
        ),
        (
            '[tool.parity.accept]\nsubgradient = { reason = "x", till = 2026-11-28 }\n',
            "must be a reason",
        ),
        ("[tool.parity\n", "is no valid TOML"),
        ("tool = 1 # parity\n", "is no valid TOML"),
    ],
)
def test_a_wrong_table_is_one_line_that_names_the_file(
    table: str, line: str, tmp_path: Path
) -> None:
    with pytest.raises(CannotCompare, match=r"pyproject\.toml") as raised:
        accepted_here(project(tmp_path, table))
    assert line in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


class Wrapped(nn.Module):
    """Returns its tensor, or a tuple of it."""

    def __init__(self, *, as_tuple: bool, scale: float = 1.0) -> None:
        super().__init__()
        self.first, self.as_tuple, self.scale = nn.Linear(3, 2), as_tuple, scale

    def forward(self, x: torch.Tensor) -> object:
        y = self.first(x) * self.scale
        return (y,) if self.as_tuple else y


def structures(scale: float = 1.0) -> Pair:
    return Pair(
        name="wrapped", stress_inputs=("plain",),
        reference=lambda: Wrapped(as_tuple=True),
        candidate=lambda: Wrapped(as_tuple=False, scale=scale),
        inputs=lambda rng: {"x": rng.standard_normal((4, 3)).astype(np.float32)},
    )  # fmt: skip


def test_what_the_project_accepts_passes_and_hides_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not check(structures()).passed
    project(tmp_path, f'[tool.parity.accept]\n"{STRUCTURE}" = "callers take the tensor"\n')
    report = check(structures())
    assert report.passed
    assert {f.allowance for f in report.findings if f.known == STRUCTURE} == {
        "callers take the tensor"
    }
    assert not check(structures(scale=1.001)).passed


def test_what_has_expired_fails_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project(
        tmp_path,
        f'[tool.parity.accept]\n"{STRUCTURE}" = {{ reason = "x", until = 2020-01-01 }}\n',
    ))  # fmt: skip
    report = check(structures())
    assert not report.passed
    assert any("until 2020-01-01, which has passed" in note for note in report.notes)


def test_the_program_names_an_entry_that_explains_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "unused_entry_nets.py").write_text(
        "from torch import nn\n\ndef build():\n    return nn.Linear(3, 2)\n"
    )
    name = next(iter(DIVERGENCES))
    monkeypatch.chdir(project(tmp_path, f'[tool.parity.accept]\n"{name}" = "x"\n'))
    words = ["check", "--reference", "unused_entry_nets.py:build"]
    words += ["--candidate", "unused_entry_nets.py:build", "--input", "4,3"]
    assert main(words) == 0
    assert f"accepts '{name}', which explained nothing here" in capsys.readouterr().out
    assert main([*words, "--strict"]) == 2
    assert f"accepts '{name}', which explained nothing here" in capsys.readouterr().err
