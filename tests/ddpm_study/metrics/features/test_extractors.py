"""Feature extractors: the shipped classifier is as its facts say; a wrong choice is named."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ddpm.errors import InputError
from ddpm_study.metrics import choose, features
from ddpm_study.metrics.features import cache, digit_classifier, train_digit_classifier


@pytest.fixture(scope="module")
def real():
    return train_digit_classifier.real_digits()


def test_the_shipped_accuracy_is_the_one_on_the_digits_held_out(real):
    images, labels = real
    model, facts = digit_classifier.load()
    learned, held = train_digit_classifier.split(labels.numpy())
    assert not set(learned) & set(held)
    assert np.bincount(labels[held]).tolist() == [100] * 10
    found = train_digit_classifier.accuracy(model, images[held], labels[held])
    assert found == facts["accuracy"] > 0.97


def test_the_script_gives_the_same_bits_each_time(real, monkeypatch):
    images, labels = (part[:200] for part in real)
    one, other = (
        train_digit_classifier.train(images, labels, epochs=1).state_dict() for _ in range(2)
    )
    for name, weight in one.items():
        assert torch.equal(weight, other[name]), name
    monkeypatch.setattr(train_digit_classifier, "SEED", 1)
    changed = train_digit_classifier.train(images, labels, epochs=1).state_dict()
    assert not torch.equal(one["conv1.weight"], changed["conv1.weight"])


@pytest.mark.slow
def test_the_script_gives_the_shipped_weights(tmp_path):
    """On another processor the last bits may differ; here, what it recognises may not."""
    path = tmp_path / "digits.safetensors"
    train_digit_classifier.main(path)
    made, shipped = load_file(path), load_file(digit_classifier.WEIGHTS)
    gap = max(float((made[name] - shipped[name]).abs().max()) for name in shipped)
    assert gap < 0.02


def test_features_do_not_depend_on_the_batch_and_have_unit_variance(real):
    pixels = ((real[0][::16].numpy() + 1) * 127.5).round().astype(np.uint8)
    extractor = choose("digits")
    one, other = (features(pixels, extractor, batch_size=size) for size in (300, 7))
    assert one.vectors.dtype == np.float64
    assert one.vectors.shape == (313, 64)
    assert np.allclose(one.vectors, other.vectors, atol=1e-5)
    assert one.vectors.var(axis=0).mean() == pytest.approx(1, rel=0.1)


def test_only_the_network_of_the_paper_gives_a_plain_fid():
    assert choose("digits").fid_label == "FID-digits"
    assert choose("digits").inception_label == "Inception Score (digits)"


@pytest.mark.parametrize("shape", [(4, 3, 28, 28), (4, 1, 32, 32)])
def test_images_that_it_cannot_see_are_refused(shape):
    with pytest.raises(InputError, match=r"takes grey images of 1 x 28 x 28, and these are"):
        features(np.zeros(shape, np.uint8), choose("digits"))


def test_inception_without_weights_says_where_to_get_them(monkeypatch, tmp_path):
    monkeypatch.delenv("DDPM_INCEPTION_WEIGHTS", raising=False)
    text = r"get https://\S+\.pth and add --extractor-weights"
    with pytest.raises(InputError, match=text) as caught:
        choose("inception")
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="does not exist"):
        choose("inception", tmp_path / "weights.pth")
    with pytest.raises(InputError, match="no extractor 'eyes': choose from digits, inception"):
        choose("eyes")


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_weights_of_inception_are_read_as_tensors_alone(tmp_path):
    weights, trace = tmp_path / "weights.pth", tmp_path / "trace"
    torch.save({"Conv2d_1a_3x3.conv.weight": Touch(trace)}, weights)
    with pytest.raises(InputError, match="holds more than tensors and is not opened"):
        choose("inception", weights)
    assert not trace.exists()


def test_a_real_set_is_looked_at_once(monkeypatch, tmp_path, real):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pixels = ((real[0][:20].numpy() + 1) * 127.5).round().astype(np.uint8)
    first = cache.cached_features(pixels, choose("digits"))
    monkeypatch.setattr(cache, "features", lambda *a, **k: pytest.fail("looked again"))
    again = cache.cached_features(pixels, choose("digits"))
    assert np.array_equal(first.vectors, again.vectors)
    assert np.array_equal(first.logits, again.logits)


def test_another_pixel_is_another_key_and_a_damaged_cache_is_passed_over(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pixels, extractor = np.zeros((3, 1, 28, 28), np.uint8), choose("digits")
    other = pixels.copy()
    other[0, 0, 0, 0] = 1
    assert cache.key(pixels, extractor) != cache.key(other, extractor)
    path = cache.folder() / f"{cache.key(pixels, extractor)}.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK nothing")
    assert len(cache.cached_features(pixels, extractor)) == 3
