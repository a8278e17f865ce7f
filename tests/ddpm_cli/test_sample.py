"""`ddpm sample` goes on where it was stopped, and with nothing else."""

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ddpm import sampling
from ddpm.data.image_set import ImageSet
from ddpm_cli import main


def ddpm(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def trained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(0).uniform(-1, 1, (8, 1, 28, 28)).astype(np.float32)
    ImageSet(images, np.zeros(8, np.int64), ("digit",)).save("data/mnist_processed.npz")
    words = ("--dataset", "mnist", "--preset", "tiny", "--epochs", 2, "--T", 5, "--batch-size", 4)
    run = ddpm("train", *words)
    assert run.exit_code == 0, run.output
    return tmp_path


def test_a_stopped_sampling_run_is_continued_by_the_same_command(trained, monkeypatch):
    words = ("sample", "--ckpt", "checkpoints/ddpm_mnist_epoch1.safetensors", "--num-samples", 5)
    words = (*words, "--batch-size", 2)
    assert ddpm(*words, "--out", "unbroken").exit_code == 0
    plain, batches = sampling.folder.SampleFolder.save, []

    def stopped(folder, samples, batch):
        batches.append(samples)
        if len(batches) == 2:
            raise KeyboardInterrupt
        plain(folder, samples, batch)

    with monkeypatch.context() as patched:
        patched.setattr(sampling.folder.SampleFolder, "save", stopped)
        run = ddpm(*words)
    assert run.exit_code == 130
    assert run.output.splitlines()[-1] == "interrupted; the same command continues the run"
    assert sorted(path.name for path in (trained / "fid").iterdir()) == [
        "sample_0.png",
        "sample_1.png",
    ]
    others = [("--seed", 1), ("--weights", "raw"), ("--steps", 2), ("--precision", "bfloat16")]
    others += [("--sampler", "heun"), ("--spacing", "leading")]
    others += [("--num-samples", 6), ("--batch-size", 3)]
    others += [("--ckpt", "checkpoints/ddpm_mnist_epoch2.safetensors")]
    for other in others:
        run = ddpm(*words, *other)
        assert run.exit_code == 2
        assert "fid holds 2 samples of an earlier run; add --overwrite" in run.output
        assert f"(unfinished, its {other[0]} " in run.output
    assert ddpm(*words).exit_code == 0
    for name in ("fid/sample_4.png", "samples/sample_grid.png", "samples/denoising_strip.png"):
        assert (trained / name).read_bytes() == (trained / "unbroken" / name).read_bytes()
    assert not (trained / ".sampling").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("ddim", "--spacing", "trailing"),
        ("ddim", "--eta", 0.5, "--spacing", "leading"),
        ("dpm-solver++",),
        ("heun",),
    ],
    ids=lambda words: " ".join(map(str, words)),
)
def test_every_sampler_draws_other_images_and_the_same_in_both_frameworks(trained, words):
    common = ("sample", "--ckpt", "checkpoints/ddpm_mnist_epoch2.safetensors", "--num-samples", 1)
    runs = {
        "torch": ("--sampler", *words, "--steps", 3, "--framework", "torch"),
        "jittor": ("--sampler", *words, "--steps", 3, "--framework", "jittor"),
        "ddpm": ("--steps", 3, "--framework", "torch"),
    }
    pictures = {}
    for name, options in runs.items():
        run = ddpm(*common, *options, "--out", name)
        assert run.exit_code == 0, run.output
        with Image.open(trained / name / "fid" / "sample_0.png") as image:
            pictures[name] = np.asarray(image).astype(int)
    assert np.abs(pictures["torch"] - pictures["jittor"]).max() <= 1
    assert (pictures["torch"] != pictures["ddpm"]).any()
