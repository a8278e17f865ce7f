"""8-bit images on their way to a training set."""

import numpy as np
import pytest

from ddpm import images
from ddpm.data import raw_images

RNG = np.random.default_rng(7)


def make_set(channels=3, size=(6, 6)):
    shape = (4, channels, *size)
    return raw_images.RawImages(
        RNG.integers(0, 256, shape, dtype=np.uint8), np.arange(4), tuple("abcd")
    )


def test_normalising_is_the_affine_map_onto_minus_one_to_one():
    values = np.arange(256, dtype=np.uint8)
    got = raw_images.normalised(values)
    assert got.dtype == np.float32
    assert (got[0], got[255]) == (-1, 1)
    exact = (2 * values.astype(np.float64) - 255) / 255
    np.testing.assert_array_equal(got, exact.astype(np.float32))


def test_every_grey_level_survives_the_way_there_and_back():
    values = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(images.to_uint8(raw_images.normalised(values)), values)


@pytest.mark.parametrize("channels", [1, 3])
def test_pillow_round_trip_keeps_every_pixel_in_its_place(channels):
    image = RNG.integers(0, 256, (channels, 5, 9), dtype=np.uint8)
    picture = raw_images.to_pillow(image)
    assert picture.size == (9, 5)
    np.testing.assert_array_equal(raw_images.from_pillow(picture), image)


def test_resizing_keeps_constant_images_constant_and_takes_the_central_square():
    image = np.zeros((1, 1, 10, 30), np.uint8)
    image[..., :10], image[..., 10:20], image[..., 20:] = 0, 100, 200
    wide = raw_images.RawImages(image, np.zeros(1, np.int64), ("a",))
    got = raw_images.resized(wide, 10).images
    assert got.shape == (1, 1, 10, 10)
    assert (got == 100).all()


def test_resizing_leaves_alone_what_has_the_size_or_none_asked():
    raw = make_set()
    assert raw_images.resized(raw, 6) is raw
    assert raw_images.resized(raw, None) is raw
    assert raw_images.resized(raw, 12).images.shape == (4, 3, 12, 12)


def test_grey_to_colour_repeats_and_colour_to_grey_weighs_by_luma():
    grey = make_set(channels=1)
    colour = raw_images.with_channels(grey, 3)
    np.testing.assert_array_equal(colour.images, np.repeat(grey.images, 3, axis=1))
    raw = make_set(channels=3)
    luma = np.tensordot([0.299, 0.587, 0.114], raw.images.astype(float), (0, 1))
    got = raw_images.with_channels(raw, 1).images[:, 0]
    assert abs(got - luma).max() <= 1
    assert raw_images.with_channels(raw, None) is raw
