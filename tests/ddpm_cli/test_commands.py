"""The program as a user meets it: what it writes, and the one line that a bad input gets."""

import shlex
from pathlib import Path

import click
import numpy as np
import pytest
import safetensors.numpy
from click.testing import CliRunner
from PIL import Image

from ddpm.checkpoint import Checkpoint
from ddpm.data.image_set import ImageSet
from ddpm_cli import main, train
from ddpm_cli.program import COMMANDS
from safe_files.folder_lock import folder_lock


def ddpm(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def digits(count=8, size=28, channels=1):
    shape = (count, channels, size, size)
    images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    return ImageSet(images, np.zeros(count, np.int64), ("digit",))


TINY = ("--preset", "tiny", "--dataset", "mnist", "--epochs", 2, "--T", 5)


@pytest.fixture
def trained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    digits().save("data/mnist_processed.npz")
    run = ddpm("train", *TINY, "--batch_size", 4)  # the original scripts' spelling
    assert run.exit_code == 0, run.output
    return tmp_path


def test_every_command_explains_itself():
    listing = ddpm("--help").output
    for name in COMMANDS:
        assert name in listing
        text = ddpm(name, "--help").output
        assert len(text.splitlines()) > 5
        assert "xit status" in text


def test_an_option_means_the_same_in_every_command():
    types = {}
    for name in COMMANDS:
        for parameter in main.get_command(click.Context(main), name).params:
            for option in parameter.opts:
                types.setdefault(option, {}).setdefault(str(parameter.type.to_info_dict()), name)
    # A data set has one channel or three; --image-channels of the others must fit what is there.
    several = {"--image-channels", "--batch-size", "--framework"}
    assert {option for option, kinds in types.items() if len(kinds) > 1} <= several


def test_training_and_sampling_write_the_files_of_the_original_scripts(trained):
    run = ddpm("sample", "--ckpt", "checkpoints/ddpm_mnist_epoch2.safetensors", "--num-samples", 3)
    assert run.exit_code == 0, run.output
    for name in (
        "logs/train_log.txt",
        "logs/performance_log.txt",
        "logs/loss_curve_mnist.png",
        "checkpoints/ddpm_mnist_epoch1.safetensors",
        "fid/sample_2.png",
        "samples/sample_grid.png",
        "samples/step_t0005.png",
        "samples/denoising_strip.png",
    ):
        assert (trained / name).stat().st_size > 0


def test_a_resumed_run_is_the_unbroken_one(trained):
    first, last = ("checkpoints/ddpm_mnist_epoch1.safetensors",) * 2
    last = last.replace("epoch1", "epoch2")
    unbroken, log = Checkpoint.load(last), (trained / "logs/train_log.txt").read_bytes()
    run = ddpm("train", *TINY, "--batch-size", 4, "--resume", first)
    assert run.exit_code == 0, run.output
    resumed = Checkpoint.load(last)
    for group in ("weights", "ema", "exp_avg", "exp_avg_sq"):
        for name, array in getattr(unbroken, group).items():
            assert np.array_equal(array, getattr(resumed, group)[name]), name
    assert (trained / "logs/train_log.txt").read_bytes() == log


def test_training_says_what_it_does_and_where_everything_lies(trained):
    run = ddpm("train", *TINY, "--batch-size", 4, "--overwrite", "--dropout", 0.2)
    assert run.exit_code == 0, run.output
    for part in (
        "PyTorch on cpu: U-Net of 44,969 parameters, T = 5, linear schedule",
        "set: data/mnist_processed.npz, 8 images of 1x28x28",
        "run: 2 epochs of 2 steps with 4 images each, learning rate 0.002, seed 0",
        f"writes to: {trained}",
        "checkpoints/ddpm_mnist_epoch2.safetensors: 2 epochs done",
        "logs: logs/train_log.txt, logs/performance_log.txt",
        "loss curve: logs/loss_curve_mnist.png",
        "next: ddpm sample --ckpt checkpoints/ddpm_mnist_epoch2.safetensors",
    ):
        assert part in run.output
    assert Checkpoint.load("checkpoints/ddpm_mnist_epoch2.safetensors").config.unet.dropout == 0.2


@pytest.mark.parametrize(
    ("options", "warned"), [(("--T", 10), True), (("--T", 10, "--schedule", "cosine"), False)]
)
def test_a_schedule_that_leaves_the_image_visible_is_said(trained, options, warned):
    words = ("--preset", "mnist", "--dataset", "mnist", "--epochs", 1, "--batch-size", 4)
    run = ddpm("train", *words, *options, "--out", "new")
    assert run.exit_code == 0, run.output
    alpha_bar = np.prod(1 - np.linspace(1e-4, 0.02, 10))
    assert (f"alpha_bar is {alpha_bar:.2g}" in run.output) == warned
    assert ("samples, which start from pure noise, will be wrong" in run.output) == warned


def test_resume_auto_starts_continues_and_finishes_a_run(trained):
    log = (trained / "logs/train_log.txt").read_bytes()
    words = ("train", *TINY, "--batch-size", 4, "--resume", "auto")
    finished = ddpm(*words)
    assert finished.exit_code == 0, finished.output
    assert "continues after 4 steps (epoch 2 done)" in finished.output
    last = trained / "checkpoints/ddpm_mnist_epoch2.safetensors"
    expected = last.read_bytes()
    last.unlink()
    continued = ddpm(*words)
    assert continued.exit_code == 0, continued.output
    assert "continues after 2 steps (epoch 1 done)" in continued.output
    fresh = ddpm(*words, "--out", "fresh")
    assert fresh.exit_code == 0, fresh.output
    assert "continues" not in fresh.output
    for folder in (trained, trained / "fresh"):
        path = folder / "checkpoints/ddpm_mnist_epoch2.safetensors"
        assert path.read_bytes() == expected
        assert (folder / "logs/train_log.txt").read_bytes() == log
        assert (folder / "logs/loss_curve_mnist.png").exists()


def test_two_trainings_cannot_share_a_folder(trained):
    with folder_lock(trained / "new" / "checkpoints", busy="the other"):
        run = ddpm("train", *TINY, "--batch-size", 4, "--out", "new")
    assert run.exit_code == 2
    assert "another ddpm train is at work in new/checkpoints" in run.output
    assert not (trained / "new" / "logs").exists()


def test_a_converted_checkpoint_can_be_trained_further(trained):
    weights = Checkpoint.load("checkpoints/ddpm_mnist_epoch2.safetensors").weights
    safetensors.numpy.save_file(weights, "weights.safetensors")
    run = ddpm(
        "convert", "weights.safetensors", "--preset", "tiny", "--out", "converted.safetensors"
    )
    assert run.exit_code == 0, run.output
    words = ("train", "--dataset", "mnist", "--resume", "converted.safetensors", "--out", "new")
    run = ddpm(*words, "--data", "large.npz")
    assert "does not exist" in run.output
    digits(count=40).save("large.npz")
    run = ddpm(*words, "--data", "large.npz")
    assert run.exit_code == 0, run.output
    assert "does not name the images that it was trained on" in run.output
    assert Checkpoint.load("new/checkpoints/ddpm_mnist_epoch2.safetensors").step == 2


def test_the_command_that_continues_can_be_pasted(monkeypatch):
    words = ["--data", "my set.npz", "--overwrite", "--resume", "old.x", "--out", "it's here"]
    monkeypatch.setattr("sys.argv", ["/usr/bin/ddpm", "train", *words, "--resume=old"])
    command = train._resume_command(Path("it's here/c.safetensors"))
    assert shlex.split(command) == [
        *("ddpm", "train", "--data", "my set.npz", "--out", "it's here"),
        *("--resume", "it's here/c.safetensors"),
    ]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--T", 0), "T = 0 cannot be used"),
        (("--batch-size", 9), "larger than the set of 8 images"),
        (("--lr", -1), "lr = -1.0 cannot be used"),
        (("--epochs", 0), "epochs = 0 cannot be used"),
        (("--image-channels", 3), "--image-channels 3, but the set's images have 1"),
        (("--data", "missing.npz"), "missing.npz does not exist"),
        (("--save-every", 0), "--save-every 0 cannot be used"),
        (("--resume", "broken.pth"), "is a pickle"),
        (
            ("--resume", "checkpoints/ddpm_mnist_epoch2.safetensors", "--epochs", 1),
            "2 epochs done, more than --epochs 1",
        ),
        (
            ("--resume", "checkpoints/ddpm_mnist_epoch1.safetensors", "--lr", 1),
            "made with train.lr = 0.002, not 1.0",
        ),
        (("--out", "data/mnist_processed.npz"), "mnist_processed.npz"),
        (("--out", "."), ". holds an earlier run (checkpoints/ddpm_mnist_epoch1.safetensors and 2"),
        (("--overwrite", "--resume", "auto"), "give one of them"),
        (("--resume", "auto", "--out", ".", "--data", "other.npz"), "with other pixels"),
        (("--resume", "auto", "--out", ".", "--dropout", 0.5), "with unet.dropout = 0.1, not 0.5"),
        (("--resume", "auto", "--out", ".", "--dataset", "data"), "holds a run on mnist"),
        (
            ("--resume", "checkpoints/ddpm_mnist_epoch1.safetensors", "--out", "another"),
            "another holds another run",
        ),
        (("--dropout", 1), "dropout = 1.0 cannot be used"),
        (("--ema-decay", -1), "ema_decay = -1.0 cannot be used"),
    ],
)
def test_a_bad_training_run_gets_one_line(trained, words, line):
    (trained / "broken.pth").write_bytes(b"\x80\x02}q\x00.")
    other = digits()
    other.images[5] *= -1
    other.save("other.npz")
    state = Checkpoint.load("checkpoints/ddpm_mnist_epoch1.safetensors")
    state.config = state.config.with_(train={"seed": 1})
    state.save("another/checkpoints/ddpm_mnist_epoch1.safetensors")
    before = {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()}
    run = ddpm("train", *TINY, "--batch-size", 4, "--out", "new", *words)
    assert {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()} == before
    assert run.exit_code == 2, run.output
    assert line in run.output
    assert len([text for text in run.output.splitlines() if text.startswith("ddpm: ")]) == 1
    assert "Traceback" not in run.output


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("train",), "train: Missing option '--dataset' (or give --resume CKPT). See"),
        (("train", "--framework", "caffe"), "'caffe' is not one of 'torch', 'jittor'. See"),
        (("train", "--epochs", "many"), "'many' is not a valid integer. See"),
        (("sample", "--nothing"), "No such option '--nothing'. See"),
        (("fly",), "No such command 'fly'. See"),
        (("sampel",), "No such command 'sampel'. Did you mean 'sample'? See"),
        (("Train",), "No such command 'Train'. Did you mean 'train'? See"),
        (("sample", "--see", "1"), "Did you mean"),
    ],
)
def test_wrong_usage_gets_one_line(words, line):
    run = ddpm(*words)
    assert run.exit_code == 2, run.output
    assert line in run.output
    assert run.output.rstrip().endswith("--help  [usage]")
    assert len(run.output.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--num-samples", 0), "num_samples = 0 cannot be used"),
        (("--steps", 6), "steps = 6 cannot be used: it must be at most the T = 5 training"),
        (("--steps", 0), "steps = 0 cannot be used"),
        (("--eta", 0.5), "eta = 0.5 cannot be used: it must be left out for ddpm"),
        (
            ("--eta", 0, "--sampler", "heun"),
            "eta = 0.0 cannot be used: it must be left out for heun",
        ),
        (("--eta", 1.5, "--sampler", "ddim"), "eta = 1.5 cannot be used: it must be in [0, 1]"),
        (("--size", 32), "--size 32, but the checkpoint was trained on 28"),
        (("--ckpt", "none.safetensors"), "none.safetensors does not exist"),
    ],
)
def test_a_bad_sampling_run_gets_one_line(trained, words, line):
    run = ddpm("sample", "--ckpt", "checkpoints/ddpm_mnist_epoch1.safetensors", *words)
    assert run.exit_code == 2, run.output
    assert run.output.startswith("ddpm: ")
    assert line in run.output
    assert not (trained / "fid").exists()


def test_sampling_takes_fewer_steps_than_the_training_has_timesteps(trained):
    words = ("sample", "--ckpt", "checkpoints/ddpm_mnist_epoch2.safetensors", "--num-samples", 1)
    assert ddpm(*words, "--steps", 2, "--sampler", "ddpm").exit_code == 0
    names = sorted(path.name for path in (trained / "samples").glob("step_*"))
    assert names == ["step_t0000.png", "step_t0001.png", "step_t0005.png"]


def test_samples_of_an_earlier_run_are_neither_mixed_in_nor_lost(trained):
    words = ("sample", "--ckpt", "checkpoints/ddpm_mnist_epoch1.safetensors", "--num-samples")
    assert ddpm(*words, 3).exit_code == 0
    run = ddpm(*words, 1)
    assert run.exit_code == 2
    assert "fid holds 3 samples of an earlier run; add --overwrite" in run.output
    before = {path.name: path.read_bytes() for path in (trained / "fid").iterdir()}
    (trained / "fid" / ".sample_9.0123abcd.png").write_bytes(b"of a run that was killed")
    assert ddpm(*words, 1, "--overwrite", "--steps", 0).exit_code == 2
    assert all((trained / "fid" / name).read_bytes() == data for name, data in before.items())
    assert ddpm(*words, 1, "--overwrite").exit_code == 0
    assert [path.name for path in (trained / "fid").iterdir()] == ["sample_0.png"]


def test_samples_say_which_weights_they_are_of(trained):
    words = ("sample", "--ckpt", "checkpoints/ddpm_mnist_epoch2.safetensors", "--num-samples", 1)
    run = ddpm(*words, "--out", "averaged")
    assert "1 image from the averaged weights" in run.output
    assert "still hold much of the initial ones; --weights raw" in run.output
    run = ddpm(*words, "--out", "last", "--weights", "raw")
    assert "1 image from the weights of the last step" in run.output
    assert "still hold" not in run.output
    pictures = [(trained / name / "fid/sample_0.png").read_bytes() for name in ("averaged", "last")]
    assert pictures[0] != pictures[1]


def test_prepare_says_what_it_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = ddpm("prepare", "--dataset", "mnist", "--out", "set.npz")
    assert run.output == (
        "set.npz: 5,000 images of 1 x 28 x 28, 10 classes (500 to 500 images each)\n"
    )
    run = ddpm("prepare", "--dataset", "nowhere")
    assert (run.exit_code, run.output.count("\n")) == (2, 1)
    assert "'nowhere' is no folder, and no data set" in run.output


def test_doctor_exits_1_when_something_is_missing(monkeypatch):
    from jittor_env import doctor

    lacking = doctor.Finding("C++ compiler", "none", ok=False, remedy="install g++")
    monkeypatch.setattr(doctor, "examine", lambda: [lacking])
    run = ddpm("doctor")
    assert run.exit_code == 1
    assert "install g++" in run.output


def test_bare_weights_become_a_checkpoint_and_a_pickle_only_by_name(tmp_path, monkeypatch):
    import torch

    from ddpm.config import preset
    from impl_torch.unet import UNet

    monkeypatch.chdir(tmp_path)
    model = UNet(preset("tiny").unet).initialize(seed=3)
    torch.save(model.state_dict(), "weights.pth")
    words = ("convert", "weights.pth", "--out", "made.safetensors", "--preset")
    refused = ddpm(*words, "tiny")
    assert (refused.exit_code, refused.output.count("\n")) == (2, 1)
    assert "add --allow-pickle" in refused.output
    wrong = ddpm(*words, "mnist", "--allow-pickle")
    assert wrong.exit_code == 2
    assert "conv_in.bias is (8,), and the preset has (32,)" in wrong.output
    assert not (tmp_path / "made.safetensors").exists()
    assert ddpm(*words, "tiny", "--allow-pickle").output == (
        "made.safetensors: 44,969 parameters\n"
    )
    made = Checkpoint.load("made.safetensors")
    for name, parameter in model.named_parameters():
        assert np.array_equal(made.ema[name], parameter.detach().numpy()), name


@pytest.mark.parametrize("option", [("--compile",), ("--precision", "bfloat16")])
def test_what_makes_pytorch_faster_is_refused_for_jittor(trained, option):
    run = ddpm("train", *TINY, "--batch-size", 4, "--out", "new", "--framework", "jittor", *option)
    assert run.exit_code == 2
    (line,) = run.output.splitlines()
    assert line.startswith(f"ddpm: {' '.join(option)} is for PyTorch only")


def test_compiling_without_a_compiler_is_refused(trained, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    run = ddpm("train", *TINY, "--batch-size", 4, "--out", "new", "--compile")
    assert run.exit_code == 2
    assert "no-such-compiler is not installed" in run.output
    assert len(run.output.splitlines()) == 1


def test_samples_in_bfloat16_are_nearly_the_same(trained):
    checkpoint = Checkpoint.load(trained / "checkpoints/ddpm_mnist_epoch2.safetensors")
    draw = np.random.default_rng(0)  # the average of a few steps still ends in zeros
    for array in checkpoint.ema.values():
        array += (0.1 * draw.standard_normal(array.shape)).astype(np.float32)
    checkpoint.save(trained / "moved.safetensors")
    pixels = []
    for precision in ("float32", "bfloat16"):
        run = ddpm(
            "sample",
            "--ckpt",
            "moved.safetensors",
            "--num-samples",
            2,
            "--precision",
            precision,
            "--out",
            precision,
        )
        assert run.exit_code == 0, run.output
        with Image.open(trained / precision / "fid" / "sample_1.png") as image:
            pixels.append(np.asarray(image, np.int64))
    assert 0 < np.abs(pixels[0] - pixels[1]).max() < 64
