from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ddpm_study import porting_guide
from ddpm_study.porting_guide import GUIDE, guide, mirrored_files
from ddpm_study.translations import TRANSLATIONS


def test_the_guide_is_up_to_date() -> None:
    """Run `python -m ddpm_study.porting_guide` where this fails."""
    assert GUIDE.read_text(encoding="utf-8") == guide()


def write_pair(root: Path, torch_source: str, jittor_source: str) -> None:
    for package, source in (("impl_torch", torch_source), ("impl_jittor", jittor_source)):
        (root / package).mkdir()
        (root / package / "net.py").write_text(f'"""A net."""\n\nimport {package}\n\n\n{source}')
    (root / "impl_jittor" / "alone.py").write_text("")


def test_changed_lines_are_shown_and_imports_are_not(tmp_path: Path) -> None:
    write_pair(
        tmp_path,
        "def f(x):\n    y = x\n    return torch.cat([y, x])\n",
        "def f(x):\n    y = x\n    return jt.concat([y, x])\n",
    )
    assert mirrored_files(tmp_path) == ["net.py"]
    shown = guide(tmp_path).partition("### net.py")[2]
    expected = "     y = x\n-    return torch.cat([y, x])\n+    return jt.concat([y, x])"
    assert shown == f"\n\n```diff\n{expected}\n```\n"


def test_files_that_are_the_same_show_nothing(tmp_path: Path) -> None:
    same = "def f(x):\n    return x\n"
    write_pair(tmp_path, same, same)
    assert "```diff\n\n```" in guide(tmp_path)


def test_every_translation_is_in_the_table() -> None:
    text = guide()
    assert all(f"| `{row.torch}` | `{row.jittor}` | {row.note} |" in text for row in TRANSLATIONS)


def test_asking_for_help_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(porting_guide, "GUIDE", tmp_path / "guide.md")
    run = CliRunner().invoke(porting_guide.main, ["--help"])
    assert run.exit_code == 0
    assert not (tmp_path / "guide.md").exists()
    assert CliRunner().invoke(porting_guide.main).exit_code == 0
    assert (tmp_path / "guide.md").read_text() == guide()
