"""The pictures: there, whole, and showing what differs."""

import numpy as np
from PIL import Image

from reports import plots


def _images(offset=0.0):
    return np.random.default_rng(0).uniform(-0.5, 0.5, (4, 1, 8, 8)) + offset


def test_every_picture_is_written(tmp_path):
    losses = np.geomspace(1, 0.01, 60)
    plots.save_losses(losses, losses * (1 + 1e-6), tmp_path / "loss.png")
    plots.save_samples(_images(), _images(), tmp_path / "samples.png")
    frames = {t: _images() for t in (10, 5, 0)}
    plots.save_strips(frames, frames, tmp_path / "strips.png", rows=2)
    for path in tmp_path.iterdir():
        with Image.open(path) as picture:
            assert len(np.unique(np.asarray(picture.convert("L")))) > 10, path.name


def test_a_difference_is_magnified_to_be_seen(tmp_path):
    plots.save_samples(_images(), _images(), tmp_path / "equal.png")
    plots.save_samples(_images(), _images(3e-6), tmp_path / "shifted.png")
    equal, shifted = (
        np.asarray(Image.open(tmp_path / name).convert("L"), float)[60:, 890:]
        for name in ("equal.png", "shifted.png")
    )
    assert np.abs(equal - shifted).mean() > 10
