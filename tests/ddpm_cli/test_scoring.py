"""`ddpm fid` and `ddpm is` as a user meets them."""

import re

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ddpm.data.image_set import ImageSet, prepare
from ddpm_cli import main


def ddpm(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def digits(folder, count=24, size=28):
    folder.mkdir()
    drawn = np.random.default_rng(0).integers(0, 256, (count, size, size), np.uint8)
    for i, pixels in enumerate(drawn):
        Image.fromarray(pixels).save(folder / f"sample_{i}.png")
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DDPM_INCEPTION_WEIGHTS", raising=False)
    real = prepare("mnist")
    ImageSet(real.images[:100], real.labels[:100], real.classes).save("real.npz")
    digits(tmp_path / "fid")
    return tmp_path


def test_fid_writes_the_line_of_the_original_and_never_calls_it_fid_alone(place):
    run = ddpm("fid", "--real", "real.npz", "--fake", "fid", "--extractor", "digits")
    assert run.exit_code == 0, run.output
    lines = (place / "fid_score.txt").read_text().splitlines()
    assert re.fullmatch(r"FID-digits score: \d+\.\d{4}", lines[0])
    assert [line.split(":")[0] for line in lines[1:]] == [
        "95 % interval",
        "FID at infinity",
        "KID",
        "precision",
        "warning",
        "warning",
    ]
    assert "warning: 24 samples" in run.output
    assert re.search(r"small real set of 100 images raises the FID \(by about \d", lines[-1])


def test_of_too_few_samples_or_real_images_no_number_is_made_up(place):
    few = digits(place / "few", count=12)
    run = ddpm("fid", "--real", "real.npz", "--fake", few, "--extractor", "digits")
    assert "FID at infinity: 12 samples are too few to extrapolate\n" in run.output
    assert "compare only scores of as many samples\n" in run.output
    run = ddpm("fid", "--real", few, "--fake", "real.npz", "--extractor", "digits")
    assert "12 images raises the FID (they are too few to estimate how much)" in run.output


def test_a_set_scores_nothing_against_itself(place):
    run = ddpm("fid", "--real", "real.npz", "--fake", "real.npz", "--extractor", "digits")
    assert run.exit_code == 0, run.output
    assert run.output.startswith("FID-digits score: 0.0000\n")


def test_is_writes_the_line_of_the_original(place):
    run = ddpm("is", "--folder", "fid", "--splits", 4, "--extractor", "digits")
    assert run.exit_code == 0, run.output
    text = (place / "inception_score.txt").read_text()
    assert re.fullmatch(r"Inception Score \(digits\): \d+\.\d{4} ± \d+\.\d{4}\n", text)


def wrong(place):
    (place / "empty").mkdir()
    digits(place / "one", count=1)
    mixed = digits(place / "mixed")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(mixed / "sample_x.png")
    digits(place / "large", size=32)
    (digits(place / "torn") / "sample_3.png").write_bytes(b"\x89PNG nothing")
    np.savez(place / "shape.npz", images=np.zeros((4, 28, 28)), labels=np.zeros(4, int))


DIGITS = ("--extractor", "digits")
FID = ("fid", "--real", "real.npz", *DIGITS, "--fake")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((*FID, "empty"), "empty holds no images; make some with ddpm sample"),
        ((*FID, "nowhere"), "nowhere does not exist"),
        ((*FID, "one"), "1 image cannot be scored: 2 are needed"),
        ((*FID, "mixed"), "sample_x.png is 1 x 9 x 9 and sample_0.png is 1 x 28 x 28"),
        ((*FID, "large"), "images of (1, 32, 32) and real.npz of (1, 28, 28)"),
        ((*FID, "torn"), "sample_3.png is corrupt or no image"),
        ((*FID, "shape.npz"), "shape.npz"),
        (("fid", "--real", "real.npz", "--fake", "fid"), "needs its weights, and no weights"),
        (("is", "--folder", "fid", "--splits", 30, *DIGITS), "30 are needed"),
        (("is", "--folder", "large", *DIGITS), "takes grey images of 1 x 28 x 28"),
    ],
)
def test_what_cannot_be_scored_gets_one_line(place, words, line):
    wrong(place)
    run = ddpm(*words)
    assert run.exit_code == 2, run.output
    assert line in run.output
    assert run.output.count("\n") == 1
    assert not list(place.glob("*_score.txt"))
