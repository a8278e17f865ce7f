"""Folders of PNG and JPEG files of any mode and size."""

import numpy as np
import pytest
from PIL import Image

from ddpm.data import class_folders

RNG = np.random.default_rng(8)


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def noise(mode, size=(12, 12)):
    channels = len(Image.new(mode, (1, 1)).getbands())
    shape = size[::-1] if channels == 1 else (*size[::-1], channels)
    return Image.fromarray(RNG.integers(0, 256, shape, dtype=np.uint8), mode)


def decoded(tmp_path, image, name="x.png"):
    return class_folders.decode(save(tmp_path / name, image))


def test_classes_are_the_folders_in_order_of_name(tmp_path):
    pictures = {}
    for name in ("b/2.PNG", "b/1.png", "a/sub/3.png"):
        pictures[name] = noise("RGB")
        save(tmp_path / name, pictures[name])
    (tmp_path / "a" / "notes.txt").write_text("no image")
    (tmp_path / "a" / ".hidden.png").write_text("no image")
    got = class_folders.read(tmp_path, progress=False)
    assert got.classes == ("a", "b")
    assert got.labels.tolist() == [0, 1, 1]
    expected = [np.asarray(pictures[name]) for name in ("a/sub/3.png", "b/1.png", "b/2.PNG")]
    np.testing.assert_array_equal(got.images.transpose(0, 2, 3, 1), expected)


def test_a_flat_folder_is_one_class(tmp_path):
    save(tmp_path / "flowers" / "x.png", noise("L"))
    got = class_folders.read(tmp_path / "flowers", progress=False)
    assert got.classes == ("flowers",)
    assert got.images.shape == (1, 1, 12, 12)


def test_grey_sets_stay_grey_and_one_coloured_image_makes_the_set_rgb(tmp_path):
    save(tmp_path / "a" / "1.png", noise("L"))
    assert class_folders.read(tmp_path, progress=False).images.shape[1] == 1
    assert class_folders.read(tmp_path, channels=3, progress=False).images.shape[1] == 3
    save(tmp_path / "a" / "2.png", noise("RGB"))
    assert class_folders.read(tmp_path, progress=False).images.shape[1] == 3
    assert class_folders.read(tmp_path, channels=1, progress=False).images.shape[1] == 1


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_lossless_modes_keep_every_pixel(tmp_path, mode):
    image = noise(mode)
    expected = np.asarray(image)
    got = decoded(tmp_path, image)
    np.testing.assert_array_equal(got[0] if mode == "L" else got.transpose(1, 2, 0), expected)


def test_mode_1(tmp_path):
    image = noise("L").convert("1")
    np.testing.assert_array_equal(decoded(tmp_path, image)[0], np.asarray(image) * 255)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_is_laid_on_white(tmp_path, mode):
    image = noise(mode)
    values = np.asarray(image).astype(float)
    colour, alpha = values[..., :-1], values[..., -1:] / 255
    got = decoded(tmp_path, image)
    expected = (alpha * colour + (1 - alpha) * 255).transpose(2, 0, 1)
    assert got.shape == expected.shape
    assert abs(got - expected).max() <= 1


def test_palette_with_a_transparent_colour(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    path = tmp_path / "p.png"
    image.save(path, transparency=1)
    got = class_folders.decode(path)
    assert got[:, 0, 0].tolist() == [10, 20, 30]
    assert got[:, 0, 1].tolist() == [255, 255, 255]


def test_sixteen_bits_are_scaled_and_not_cut(tmp_path):
    values = np.array([[0, 257, 32896, 65535]], np.uint16)
    got = decoded(tmp_path, Image.fromarray(values))
    assert got.tolist() == [[[0, 1, 128, 255]]]


def test_cmyk_jpeg(tmp_path):
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # cyan off, magenta and yellow full: red
    red, green, blue = decoded(tmp_path, image, "x.jpeg").astype(int).mean(axis=(1, 2))
    assert red > 220
    assert max(green, blue) < 60


def test_jpeg_orientation_is_applied(tmp_path):
    path = tmp_path / "x.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to show
    Image.new("L", (20, 10)).save(path, exif=exif)
    assert class_folders.decode(path).shape == (1, 20, 10)


def test_mixed_sizes_are_refused_unless_resized(tmp_path, refuses):
    save(tmp_path / "a" / "1.png", noise("L", (12, 12)))
    save(tmp_path / "b" / "2.png", noise("L", (14, 12)))
    save(tmp_path / "b" / "3.png", noise("L", (15, 12)))
    with refuses(tmp_path / "b" / "2.png", "14x12", "12x12", "--size"):
        class_folders.read(tmp_path, progress=False)
    assert class_folders.read(tmp_path, size=8, progress=False).images.shape == (3, 1, 8, 8)


@pytest.mark.parametrize("name", ["x.png", "x.jpg"])
def test_a_corrupt_image_is_named_wherever_it_is_cut(tmp_path, refuses, name):
    path = save(tmp_path / "a" / name, noise("RGB"))
    complete = path.read_bytes()
    for length in (0, 1, 10, len(complete) // 2, len(complete) - 30):
        path.write_bytes(complete[:length])
        with refuses(path, "is corrupt or no image"):
            class_folders.read(tmp_path, progress=False)


@pytest.mark.parametrize("place", ["pixels", "checksum"])
def test_a_flipped_bit_is_noticed(tmp_path, refuses, place):
    path = save(tmp_path / "a" / "x.png", noise("RGB"))
    content = bytearray(path.read_bytes())
    # The chunk's checksum is its last four bytes, just before the 12 bytes of the end chunk.
    content[content.index(b"IDAT") + 60 if place == "pixels" else -14] ^= 1
    path.write_bytes(content)
    with refuses(path, "is corrupt or no image"):
        class_folders.read(tmp_path, progress=False)


def test_another_format_under_a_png_name_is_refused(tmp_path, refuses):
    path = tmp_path / "a" / "x.png"
    path.parent.mkdir()
    noise("RGB").save(path, format="BMP")
    with refuses(path, "is corrupt or no image"):
        class_folders.read(tmp_path, progress=False)


def test_an_image_format_that_is_not_read_is_not_passed_over(tmp_path, refuses):
    save(tmp_path / "a" / "1.png", noise("L"))
    path = save(tmp_path / "a" / "2.bmp", noise("L"))
    with refuses(path, "neither PNG nor JPEG"):
        class_folders.read(tmp_path, progress=False)


def test_an_empty_class_is_named(tmp_path, refuses):
    save(tmp_path / "a" / "1.png", noise("L"))
    (tmp_path / "hollow").mkdir()
    with refuses(tmp_path / "hollow", "has no images", "fill this class"):
        class_folders.read(tmp_path, progress=False)


def test_no_images_at_all(tmp_path, refuses):
    with refuses(tmp_path, "has no images", "give a folder of class folders"):
        class_folders.read(tmp_path, progress=False)


def test_images_outside_the_classes_are_named(tmp_path, refuses):
    save(tmp_path / "a" / "1.png", noise("L"))
    path = save(tmp_path / "stray.png", noise("L"))
    with refuses(path, "outside the class folders"):
        class_folders.read(tmp_path, progress=False)
