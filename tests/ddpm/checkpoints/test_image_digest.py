"""The identity of a training set: one digest for equal sets, others for all others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddpm.checkpoints.image_digest import ImageDigest

IMAGES = np.linspace(-1, 1, 3 * 2 * 2, dtype=np.float32).reshape(3, 1, 2, 2)


def test_equal_sets_have_one_digest_however_they_lie_in_memory():
    digest = ImageDigest.of(IMAGES)
    assert digest.count == 3
    assert ImageDigest.of(np.asfortranarray(IMAGES)) == digest
    assert ImageDigest.of(IMAGES.astype(">f4")) == digest
    digest.require(ImageDigest.of(IMAGES.copy()))


@given(st.integers(0, 11), st.sampled_from([np.inf, -np.inf]))
def test_a_single_pixel_that_moves_by_an_ulp_is_another_set(pixel, towards):
    other = IMAGES.copy()
    other.flat[pixel] = np.nextafter(other.flat[pixel], np.float32(towards))
    assert ImageDigest.of(other) != ImageDigest.of(IMAGES)


@pytest.mark.parametrize(
    ("other", "part"),
    [
        (IMAGES[:2], "this set has 2 images"),
        (IMAGES[::-1], "3 images with other pixels, or in another order"),
        (IMAGES.reshape(3, 1, 4, 1), "3 images with other pixels"),
    ],
)
def test_another_set_is_refused(refuses, other, part):
    with refuses("was trained on 3 images", part, "--data"):
        ImageDigest.of(IMAGES).require(ImageDigest.of(other))


@pytest.mark.parametrize("values", [{}, {"count": 1}, {"count": True, "sha256": ""}, 5, None])
def test_values_that_are_no_digest_are_told_apart(values):
    with pytest.raises((TypeError, KeyError)):
        ImageDigest.from_dict(values)
