"""Pictures: rounding, places, names."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ddpm import images

RNG = np.random.default_rng(11)
SAMPLES = RNG.uniform(-1, 1, (5, 3, 4, 6)).astype(np.float32)


def read(path):
    """Return a PNG as (C, H, W)."""
    pixels = np.asarray(Image.open(path))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


@given(st.floats(-3, 3, width=32))
def test_rounding_is_half_to_even_of_the_exact_value_clipped(value):
    exact = (min(max(Fraction(value), Fraction(-1)), Fraction(1)) + 1) * Fraction(255, 2)
    rounding = Fraction(1, 10**12)  # of the float64 in which the level is computed
    got = Fraction(int(images.to_uint8(np.array(value, np.float32))))
    assert abs(got - exact) <= Fraction(1, 2) + rounding


def test_ties_go_to_the_even_level_and_the_ends_are_exact():
    ties = (np.arange(255) + 0.5) / 127.5 - 1
    exact = (ties + 1) * 127.5 == np.arange(255) + 0.5  # those that float64 holds exactly
    assert exact.sum() > 100
    assert (images.to_uint8(ties[exact]) % 2 == 0).all()
    assert images.to_uint8(np.array([-9.0, -1, 1, 9])).tolist() == [0, 0, 255, 255]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(refuses, tmp_path, listing, bad):
    corrupted = SAMPLES.copy()
    corrupted[4, 1, 2, 3] = bad
    with refuses("1 of 360 pixels are NaN or infinite", "earlier checkpoint"):
        images.to_uint8(corrupted)
    with refuses("NaN or infinite"):
        images.save_samples(corrupted, tmp_path)
    assert listing(tmp_path) == set()


@pytest.mark.parametrize("channels", [1, 3])
def test_samples_are_numbered_pngs_of_their_pixels(tmp_path, listing, channels):
    paths = images.save_samples(SAMPLES[:, :channels], tmp_path, first=2)
    assert listing(tmp_path) == {f"sample_{i}.png" for i in range(2, 7)}
    for path, image in zip(paths, SAMPLES[:, :channels], strict=True):
        np.testing.assert_array_equal(read(path), images.to_uint8(image))


@given(count=st.integers(1, 12), columns=st.integers(1, 15), padding=st.integers(0, 3))
def test_each_image_stands_in_its_place_on_white(count, columns, padding):
    pictures = RNG.uniform(-1, 0.9, (count, 1, 3, 2)).astype(np.float32)
    canvas = images.grid(pictures, columns=columns, padding=padding)
    across = min(columns, count)
    down = -(-count // across)
    assert canvas.shape == (1, down * (3 + padding) + padding, across * (2 + padding) + padding)
    for i, picture in enumerate(pictures):
        top, left = padding + i // across * (3 + padding), padding + i % across * (2 + padding)
        np.testing.assert_array_equal(canvas[:, top : top + 3, left : left + 2], picture)
        canvas[:, top : top + 3, left : left + 2] = 1
    assert (canvas == 1).all()


def test_the_grid_is_square_by_default_and_scales_whole_pixels():
    assert images.grid(SAMPLES, padding=0).shape == (3, 2 * 4, 3 * 6)
    big = images.grid(SAMPLES[:1], padding=0, scale=3)
    np.testing.assert_array_equal(big[:, 1::3, 2::3], SAMPLES[0])
    assert big.shape == (3, 12, 18)


def test_an_empty_grid_is_refused(refuses):
    with refuses("no images"):
        images.grid(SAMPLES[:0])


def test_the_grid_file(tmp_path):
    images.save_grid(SAMPLES, tmp_path / "sample_grid.png", columns=5, padding=1)
    expected = images.to_uint8(images.grid(SAMPLES, columns=5, padding=1))
    np.testing.assert_array_equal(read(tmp_path / "sample_grid.png"), expected)


def test_a_strip_has_a_row_per_sample_and_ends_at_the_clean_image(tmp_path):
    frames = {t: np.full((2, 1, 3, 3), -1 + t / 500, np.float32) for t in (0, 500, 999)}
    frames[0][1] = 0.5
    images.save_strip(frames, tmp_path / "strip.png", padding=0)
    strip = read(tmp_path / "strip.png")[0]
    assert strip.shape == (6, 9)
    level = {t: images.to_uint8(frame[:, 0, 0, 0]) for t, frame in frames.items()}
    for sample in range(2):
        row = strip[3 * sample, ::3]
        assert row.tolist() == [level[t][sample] for t in (999, 500, 0)]


def test_stored_steps_are_named_by_four_digits(tmp_path, listing):
    frames = dict.fromkeys((0, 50, 1000), SAMPLES)
    paths = images.save_steps(frames, tmp_path)
    assert [path.name for path in paths] == ["step_t1000.png", "step_t0050.png", "step_t0000.png"]
    assert listing(tmp_path) == {path.name for path in paths}


def test_an_empty_strip_is_refused(tmp_path, refuses):
    with refuses("no timesteps"):
        images.save_strip({}, tmp_path / "strip.png")


def test_a_place_that_cannot_be_written_is_refused(tmp_path, refuses_to_write):
    (tmp_path / "file").write_text("in the way")
    with refuses_to_write(tmp_path / "file", "cannot be written into: it is a file"):
        images.save_samples(SAMPLES, tmp_path / "file")
