"""The random streams: fixed forever, independent of order, and of the right distributions."""

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddpm import streams

KEYS = st.tuples(
    st.integers(0, 3),
    st.sampled_from(["init", "shuffle", "timestep", "noise"]),
    st.lists(st.integers(0, 30) | st.sampled_from(["a", "b", "1"]), max_size=2).map(tuple),
)


def draw(key):
    seed, purpose, index = key
    return streams.stream(seed, purpose, *index).integers(0, 2**64, 4, np.uint64).tolist()


@given(KEYS, KEYS)
def test_equal_keys_give_equal_bits_and_other_keys_others(one, other):
    assert draw(one) == draw(one)
    assert (draw(one) == draw(other)) == (one == other)


def test_a_number_and_its_text_are_different_keys():
    assert draw((0, "noise", (1, 2))) != draw((0, "noise", ("1", 2)))
    assert draw((0, "noise", (1, 2))) != draw((0, "noise", ("1/2",)))


def test_numpy_integers_are_the_same_keys_as_pythons():
    expected = streams.noise((3,), seed=1, step=2)
    step: Any = np.int32(2)
    np.testing.assert_array_equal(streams.noise((3,), seed=1, step=step), expected)


def test_draws_do_not_depend_on_their_order():
    forward = [streams.noise((5,), seed=0, step=step) for step in range(8)]
    backward = [streams.noise((5,), seed=0, step=step) for step in reversed(range(8))]
    np.testing.assert_array_equal(forward, backward[::-1])


def test_a_sample_does_not_depend_on_its_batch():
    complete = streams.sampler_noise(range(6), (1, 2, 2), seed=3, timestep=9)
    parts = [streams.sampler_noise([i], (1, 2, 2), seed=3, timestep=9) for i in range(6)]
    np.testing.assert_array_equal(complete, np.concatenate(parts))


def test_another_process_draws_the_same():
    code = "from ddpm import streams; print(streams.noise((4,), seed=7, step=3).tobytes().hex())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == streams.noise((4,), seed=7, step=3).tobytes().hex()


# Distributions: fixed seeds, so each either always passes or always fails.


def kolmogorov_smirnov(sample, cdf):
    """Return sqrt(n) times the largest distance between the sample's distribution and `cdf`."""
    values = np.sort(sample)
    ranks = np.arange(len(values) + 1) / len(values)
    theory = np.array([cdf(value) for value in values])
    return math.sqrt(len(values)) * max((ranks[1:] - theory).max(), (theory - ranks[:-1]).max())


LIMIT = 1.95  # exceeded by one correct sample in a thousand


def normal_cdf(x):
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


def test_the_limit_can_be_exceeded():
    sample = streams.noise((4000,), seed=0, step=0) * np.float32(1.2)
    assert kolmogorov_smirnov(sample, normal_cdf) > LIMIT


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_standard_normal_within_and_across_steps(seed):
    assert kolmogorov_smirnov(streams.noise((4000,), seed=seed, step=0), normal_cdf) < LIMIT
    across = [streams.noise((1,), seed=seed, step=step)[0] for step in range(2000)]
    assert kolmogorov_smirnov(across, normal_cdf) < LIMIT
    ahead = np.corrcoef(across[1:], across[:-1])[0, 1]
    assert abs(ahead) < 3.3 / math.sqrt(2000)


def test_sampler_noise_is_standard_normal_across_samples_and_timesteps():
    drawn = [streams.sampler_noise(range(20), (2,), seed=1, timestep=t) for t in range(50)]
    assert kolmogorov_smirnov(np.ravel(drawn), normal_cdf) < LIMIT


def test_weights_are_uniform_within_the_bound():
    weights = streams.initial_weight((4000,), seed=0, name="conv", bound=0.25)
    assert weights.dtype == np.float32
    assert kolmogorov_smirnov(weights, lambda x: (x + 0.25) / 0.5) < LIMIT


def chi_square(counts):
    expected = sum(counts) / len(counts)
    return sum((count - expected) ** 2 / expected for count in counts)


def test_timesteps_are_uniform_over_all_of_them():
    T = 20
    drawn = np.concatenate([streams.timesteps(64, T, seed=0, step=s) for s in range(200)])
    assert drawn.dtype == np.int64
    assert (drawn.min(), drawn.max()) == (0, T - 1)
    assert chi_square(np.bincount(drawn, minlength=T)) < 43.8  # 19 degrees, one in a thousand


def test_shuffles_put_every_image_everywhere():
    orders = np.array([streams.permutation(6, seed=0, epoch=epoch) for epoch in range(600)])
    assert (np.sort(orders, axis=1) == np.arange(6)).all()
    for place in range(6):
        assert chi_square(np.bincount(orders[:, place], minlength=6)) < 20.5  # 5 degrees


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5])
def test_masks_keep_and_flips_turn_the_right_share(rate):
    mask = streams.dropout_mask((100, 100), rate, seed=0, step=1, layer="mid")
    spread = math.sqrt(rate * (1 - rate) / mask.size)
    assert abs(mask.mean() - (1 - rate)) <= 3.3 * spread
    flips = streams.flips(10_000, seed=0, step=1)
    assert abs(flips.mean() - 0.5) < 3.3 * 0.005


# Known answers: a change of any stream changes every run's numbers, so it must be noticed here.


def test_known_bits_of_the_generator():
    drawn = streams.stream(0, "probe").integers(0, 2**64, 2, np.uint64)
    assert drawn.tolist() == [6439016288054181156, 5978940071988917953]


def test_known_real_draws():
    drawn = {
        "noise": streams.noise((2,), seed=0, step=7),
        "init": streams.initial_weight((2,), seed=0, name="a", bound=1.0),
        "sampler": streams.sampler_noise([4], (2,), seed=1, timestep=9)[0],
    }
    assert {name: [float(x).hex() for x in values] for name, values in drawn.items()} == {
        "noise": ["-0x1.1e114e0000000p+1", "0x1.4ef6e20000000p-1"],
        "init": ["0x1.b3ebf00000000p-5", "-0x1.776ef20000000p-1"],
        "sampler": ["0x1.0c56a00000000p-3", "0x1.4556fa0000000p-2"],
    }


def test_known_whole_draws():
    assert streams.permutation(8, seed=0, epoch=1).tolist() == [1, 0, 7, 6, 4, 2, 3, 5]
    assert streams.timesteps(6, 1000, seed=0, step=2).tolist() == [926, 195, 85, 590, 911, 685]
    assert streams.flips(8, seed=0, step=3).tolist() == [x == "1" for x in "10111011"]
    kept = streams.dropout_mask((8,), 0.5, seed=0, step=3, layer="mid")
    assert kept.tolist() == [x == "1" for x in "10000100"]
