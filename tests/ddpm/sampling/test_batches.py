"""Sampling runs of a chain without a model: batches, states, parts and pictures."""

import numpy as np
import pytest
from PIL import Image

from ddpm import sampling
from ddpm.config import preset
from ddpm.errors import InputError


def test_samples_come_in_batches_and_frames_from_the_first():
    config = preset("tiny").with_(sample={"num_samples": 5, "batch_size": 2})
    requested = []

    def chain(numbers):
        requested.append(list(numbers))
        for t in range(config.diffusion.T, -1, -1):
            yield t, np.array([[[[n + t / 1000]]] for n in numbers])

    outcome = sampling.sample(chain, config, frame_count=3)
    assert requested == [[0, 1], [2, 3], [4]]
    assert outcome.images.ravel().tolist() == [0, 1, 2, 3, 4]
    assert {t: x.shape for t, x in outcome.frames.items()} == dict.fromkeys(
        (100, 50, 0), (2, 1, 1, 1)
    )


def test_an_interrupted_sampling_run_continues_with_the_next_batch(tmp_path):
    config = preset("tiny").with_(diffusion={"T": 2}, sample={"num_samples": 5, "batch_size": 2})
    drawn = []

    def chain(numbers):
        drawn.append(list(numbers))
        for t in (2, 1, 0):
            if 4 in numbers and len(drawn) == 3:
                raise KeyboardInterrupt
            yield t, np.array([[[[n + t]]] for n in numbers], np.float32)

    with pytest.raises(KeyboardInterrupt):
        sampling.sample(chain, config, parts=tmp_path)
    outcome = sampling.sample(chain, config, parts=tmp_path)
    assert drawn == [[0, 1], [2, 3], [4], [4]]
    assert outcome.images.ravel().tolist() == [0, 1, 2, 3, 4]
    assert {t: x.ravel().tolist() for t, x in outcome.frames.items()} == {
        2: [2, 3],
        1: [1, 2],
        0: [0, 1],
    }


def test_samples_that_are_damaged_are_refused_by_name(tmp_path):
    path = tmp_path / "samples.npz"
    path.write_bytes(b"PK")
    with pytest.raises(InputError, match=r"samples.npz holds no samples"):
        sampling.SamplingOutcome.load(path)


def test_a_chain_of_fewer_steps_than_timesteps_has_as_many_states(capfd):
    sizes = {"num_samples": 1, "batch_size": 1, "steps": 3}
    config = preset("tiny").with_(diffusion={"T": 9}, sample=sizes)

    def chain(numbers):
        for t in (9, 5, 1, 0):  # noise, then after the steps at the timesteps 8, 4 and 0
            yield t, np.array([[[[t]]]])

    assert list(sampling.sample(chain, config).frames) == [9, 5, 1, 0]
    assert "3/3" in capfd.readouterr().err
    assert list(sampling.sample(chain, config, frame_count=2).frames) == [9, 0]


@pytest.mark.parametrize("T", [1, 2, 3, 5, 9, 10, 100, 101, 1000])
def test_of_all_states_those_nearest_to_even_spacing_are_kept(T):
    config = preset("tiny").with_(diffusion={"T": T}, sample={"num_samples": 1})

    def chain(numbers):
        for t in range(T, -1, -1):
            yield t, np.array([[[[t]]]])

    kept = {round(t) for t in np.linspace(T, 0, min(10, T + 1))}
    assert set(sampling.sample(chain, config).frames) == kept


def test_the_pictures_are_a_grid_the_states_and_a_strip(tmp_path):
    images = np.zeros((70, 1, 4, 4), np.float32)
    outcome = sampling.SamplingOutcome(images, {5: images[:9], 0: images[:9]})
    sampling.save_pictures(outcome, tmp_path / "new")
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert names == {
        *("sample_grid.png", "step_t0005.png", "step_t0000.png", "denoising_strip.png"),
    }
    sizes = {}
    for name in names:
        with Image.open(tmp_path / "new" / name) as picture:
            sizes[name] = picture.size
    assert sizes["sample_grid.png"] == (8 * 6 + 2, 8 * 6 + 2), "64 of the 70 images"
    assert sizes["step_t0005.png"] == (3 * 6 + 2, 3 * 6 + 2)
    assert sizes["denoising_strip.png"] == (2 * 10 + 2, 8 * 10 + 2), "8 of the 9 samples, doubled"
