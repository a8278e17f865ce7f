from __future__ import annotations

from pathlib import Path

from ddpm_study.porting_guide import GUIDE, guide, mirrored


def test_the_guide_is_the_one_that_the_pair_gives() -> None:
    """Where this fails: `python -m ddpm_study.porting_guide`."""
    assert GUIDE.read_text(encoding="utf-8") == guide()


def pair(root: Path, torch_source: str, jittor_source: str) -> None:
    for side, source in (("impl_torch", torch_source), ("impl_jittor", jittor_source)):
        (root / side).mkdir()
        (root / side / "net.py").write_text(f'"""A net."""\n\nimport {side}\n\n\n{source}')
    (root / "impl_jittor" / "alone.py").write_text("")


def test_what_stands_for_what_is_counted_and_shown(tmp_path: Path) -> None:
    ours = "def f(x: Tensor) -> Tensor:\n    return torch.cat([x, x])\n"
    theirs = "def f(x: Var) -> Var:\n    return jt.concat([x, x])\n"
    pair(tmp_path, ours, theirs)
    assert mirrored(tmp_path) == ["net.py"]
    text = guide(tmp_path)
    assert "| `Tensor` | `Var` | 2 |" in text
    assert "`jt.concat` |" not in text  # once is no rule
    assert "-    return torch.cat([x, x])\n" in text
    assert "+    return jt.concat([x, x])\n" in text
    assert "import" not in text.partition("## net.py")[2]


def test_files_that_are_the_same_show_nothing(tmp_path: Path) -> None:
    same = "def f(x):\n    return x\n"
    pair(tmp_path, same, same)
    assert "```diff\n\n```" in guide(tmp_path)
