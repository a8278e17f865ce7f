"""Images to be scored are read as those to be trained on."""

import numpy as np
import pytest
from PIL import Image

from ddpm.data import class_folders
from ddpm.errors import InputError
from ddpm_study.metrics.image_loading import read_images

RNG = np.random.default_rng(3)


def turned(pixels):
    """Return an image that a viewer turns by a quarter."""
    image = Image.fromarray(pixels)
    image.getexif()[274] = 6
    return image


IMAGES = {
    "16 bits": Image.fromarray(RNG.integers(0, 65536, (6, 5)).astype(np.uint16)),
    "alpha": Image.fromarray(RNG.integers(0, 256, (6, 5, 4), dtype=np.uint8), "RGBA"),
    "palette": Image.fromarray(RNG.integers(0, 256, (6, 5), dtype=np.uint8)).convert("P"),
    "turned": turned(RNG.integers(0, 256, (6, 5, 3), dtype=np.uint8)),
    "grey": Image.fromarray(RNG.integers(0, 256, (6, 5), dtype=np.uint8)),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_both_readers_see_the_same_pixels(tmp_path, kind):
    options = {"exif": IMAGES[kind].getexif()} if kind == "turned" else {}
    IMAGES[kind].save(tmp_path / "x.png", **options)
    prepared = class_folders.read(tmp_path, progress=False).images
    np.testing.assert_array_equal(read_images(tmp_path), prepared)
    assert prepared.shape[2:] == ((5, 6) if kind == "turned" else (6, 5))


def test_hidden_and_foreign_files_are_skipped_and_counted(tmp_path, capsys):
    IMAGES["grey"].save(tmp_path / "sample_0.png")
    IMAGES["grey"].save(tmp_path / ".sample_1.0123abcd.png")  # of a run that was killed
    (tmp_path / "notes.txt").write_text("no image")
    assert len(read_images(tmp_path)) == 1
    assert "2 files are hidden or no images; skipped" in capsys.readouterr().err
    class_folders.read(tmp_path, progress=False)
    assert "2 files are hidden or no images; skipped" in capsys.readouterr().err


def test_images_of_another_format_are_refused_by_both(tmp_path):
    IMAGES["grey"].save(tmp_path / "a.png")
    IMAGES["grey"].save(tmp_path / "b.bmp")
    for read in (read_images, lambda folder: class_folders.read(folder, progress=False)):
        with pytest.raises(InputError, match=r"b\.bmp is neither PNG nor JPEG"):
            read(tmp_path)
