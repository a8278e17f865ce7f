"""Where files of this package go in Jittor's cache."""

from __future__ import annotations

from pathlib import Path

from jittor_env import cache


def test_the_folder_inside_jittors_cache_cannot_be_imported(tmp_path: Path) -> None:
    """That cache is on `sys.path`; an editable install found the folder before the package."""
    old = tmp_path / "jittor_env" / "kernels-1.h"
    old.parent.mkdir()
    old.touch()
    folder = cache.inside(str(tmp_path))
    assert folder.parent == tmp_path
    assert not folder.name.isidentifier()
    assert not old.parent.exists()
