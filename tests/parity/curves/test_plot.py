"""Curves are drawn to a file, complete or not at all."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from parity.curves.comparing import CurveComparison, compare_curves
from parity.curves.plot import draw, require_matplotlib
from parity.errors import CannotCompare
from tests.parity.curves.runs import curve, losses


def comparison(runs: int = 4, steps: int = 120) -> CurveComparison:
    further = [curve(f"run {seed}", losses(seed)[:steps]) for seed in range(1, runs)]
    b = curve("B", losses(9)[:steps] * 1.5)
    return compare_curves(curve("A", losses(0)[:steps]), b, further)


@pytest.mark.parametrize(("runs", "steps"), [(4, 120), (1, 120), (1, 1)])
def test_a_png_is_drawn_that_is_not_empty(runs: int, steps: int, tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image")
    draw(tmp_path / "a.png", ("a.log", "b.log"), comparison(runs, steps))
    pixels = image.imread(tmp_path / "a.png")
    band = np.abs(pixels[..., :3] - np.array([0x9D, 0xB8, 0xD6]) / 255).max(-1) < 0.01
    candidate = np.abs(pixels[..., :3] - np.array([0xC8, 0x50, 0x1E]) / 255).max(-1) < 0.01
    assert candidate.sum() > 10
    assert (band.sum() > 1000) == (runs > 1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_an_unknown_format_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(CannotCompare, match="Format 'xyz' is not supported"):
        draw(tmp_path / "a.xyz", ("a", "b"), comparison())
    assert not list(tmp_path.iterdir())


def test_a_missing_matplotlib_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(CannotCompare, match="--plot needs matplotlib; pip install"):
        require_matplotlib()
