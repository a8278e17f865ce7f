"""`ddpm train` under torchrun, from the outside: two processes, one run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ddpm.checkpoint import Checkpoint
from ddpm.data.image_set import ImageSet
from ddpm.logs.run_log import read_losses
from ddpm_cli import main

DDPM = Path(sys.executable).with_name("ddpm")
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
EPOCHS, STEPS = 30, 60
OPTIONS = ["train", "--preset", "tiny", "--dataset", "mnist", "--batch-size", "4", "--lr", "1e-3"]
WORDS = [*OPTIONS, "--epochs", str(EPOCHS), "--save-every", str(EPOCHS)]
LAST = f"checkpoints/ddpm_mnist_epoch{EPOCHS}.safetensors"
INTERRUPTED = "checkpoints/ddpm_mnist_interrupted.safetensors"
PATIENCE = 180


def started(folder, *words, processes=True):
    """Start the program in a session of its own, with a small set in `folder`."""
    images = np.random.default_rng(0).uniform(-1, 1, (8, 1, 28, 28)).astype(np.float32)
    ImageSet(images, np.zeros(8, np.int64), ("digit",)).save(folder / "data/mnist_processed.npz")
    launcher = [*TORCHRUN, "--no-python"] if processes else []
    return subprocess.Popen(
        [*launcher, str(DDPM), *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def ended(run):
    """Return the exit status and what was said, or end all of them."""
    try:
        text = run.communicate(timeout=PATIENCE)[0].decode()
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        raise
    return run.returncode, text


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The folder of an unbroken run of two processes."""
    folder = tmp_path_factory.mktemp("two")
    status, text = ended(started(folder, *WORDS))
    assert status == 0, text
    assert text.count(f"{EPOCHS} epochs done") == 1
    return folder


def test_two_processes_write_what_one_does(two, tmp_path):
    status, text = ended(started(tmp_path, *WORDS, processes=False))
    assert status == 0, text
    names = [
        sorted(str(p.relative_to(folder)) for p in folder.rglob("*")) for folder in (two, tmp_path)
    ]
    assert names[0] == names[1]
    (steps, together), (_, alone) = (
        read_losses(folder / "logs" / "train_log.txt") for folder in (two, tmp_path)
    )
    assert steps.tolist() == list(range(STEPS)), "each step is written once"
    # Later, an optimizer that divides by a gradient's size magnifies what rounding left of it.
    assert together[:10] == pytest.approx(alone[:10], rel=1e-5)
    last = [Checkpoint.load(folder / LAST) for folder in (two, tmp_path)]
    assert last[0].config == last[1].config
    assert last[0].step == last[1].step == STEPS


def test_after_an_interrupt_two_processes_go_on_to_the_same_bits(two, tmp_path):
    run = started(tmp_path, *WORDS)
    said = b""
    while b"loss=" not in said:
        piece = os.read(run.stdout.fileno(), 4096)
        assert piece, said
        said += piece
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to the launcher and to both
    status, text = ended(run)
    assert status != 0
    assert text.count("interrupted; continue with: torchrun … ") == 1, text
    assert 0 < Checkpoint.load(tmp_path / INTERRUPTED).step < STEPS
    status, text = ended(started(tmp_path, *WORDS, "--resume", INTERRUPTED))
    assert status == 0, text
    unbroken, resumed = (Checkpoint.load(folder / LAST) for folder in (two, tmp_path))
    for group in ("weights", "ema", "exp_avg", "exp_avg_sq"):
        for name, array in getattr(unbroken, group).items():
            assert np.array_equal(array, getattr(resumed, group)[name]), (group, name)
    logs = [(folder / "logs/train_log.txt").read_bytes() for folder in (two, tmp_path)]
    assert logs[0] == logs[1]


def test_one_process_goes_on_where_two_left_off(two, tmp_path, monkeypatch):
    monkeypatch.chdir(two)
    words = [*OPTIONS, "--epochs", str(EPOCHS + 1), "--out", str(tmp_path), "--resume", LAST]
    run = CliRunner().invoke(main, words)
    assert run.exit_code == 0, run.output
    done = Checkpoint.load(tmp_path / f"checkpoints/ddpm_mnist_epoch{EPOCHS + 1}.safetensors")
    assert done.step == STEPS + 2


def test_more_processes_than_images_in_a_batch_get_one_line(tmp_path):
    status, text = ended(started(tmp_path, *WORDS, "--batch-size", "1"))
    assert status != 0
    lines = [line for line in text.splitlines() if "ddpm: " in line]
    assert lines == [
        "ddpm: 2 processes cannot share a batch of 1; start fewer, or give --batch-size 2 or more"
        "  [bad-input]"
    ], text
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((*OPTIONS, "--framework", "jittor"), "ddpm: jittor trains in one process here, not in 2"),
        (("sample", "--ckpt", "x"), "ddpm: ddpm sample runs in one process, not in 2"),
    ],
)
def test_what_runs_in_one_process_says_so(words, line, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    run = CliRunner().invoke(main, list(words))
    assert (run.exit_code, run.output.count("\n")) == (2, 1), run.output
    assert run.output.startswith(line)
