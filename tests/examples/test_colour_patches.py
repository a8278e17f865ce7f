"""Patches of photographs become a set that the program can learn."""

import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ddpm.data import image_set
from examples import colour_patches


def ramp():
    """Return a picture whose pixels hold their own coordinates."""
    y, x = np.mgrid[0:80, 0:120]
    return Image.fromarray(np.stack([x, y, np.full_like(x, 7)], axis=-1).astype(np.uint8))


def test_a_patch_is_a_piece_of_the_halved_photograph():
    halved = np.asarray(ramp().reduce(colour_patches.REDUCTION))
    for patch in colour_patches.patches(ramp(), 5, 16, seed=1):
        pixels = np.asarray(patch)
        assert pixels.shape == (16, 16, 3)
        x, y = pixels[0, 0, :2] // 2
        assert np.array_equal(pixels, halved[y : y + 16, x : x + 16])


def test_the_folder_is_a_set_of_two_classes(tmp_path, monkeypatch):
    monkeypatch.setattr(colour_patches, "photographs", lambda: {"china": ramp(), "flower": ramp()})
    arguments = [str(tmp_path / "patches"), "--count", "3", "--size", "8"]
    assert CliRunner().invoke(colour_patches.main, arguments).exit_code == 0
    prepared = image_set.prepare(str(tmp_path / "patches"))
    assert prepared.images.shape == (6, 3, 8, 8)
    assert prepared.classes == ("china", "flower")


def test_the_photographs_are_in_colour():
    pytest.importorskip("sklearn")
    photographs = colour_patches.photographs()
    assert list(photographs) == ["china", "flower"]
    assert all(photograph.mode == "RGB" for photograph in photographs.values())


def test_without_scikit_learn_the_error_says_what_to_type(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    run = CliRunner().invoke(colour_patches.main, [str(tmp_path / "patches")])
    assert run.exit_code == 2
    assert "pip install --no-deps scikit-learn" in run.output
    assert run.output.count("\n") == 1
    assert not (tmp_path / "patches").exists()
