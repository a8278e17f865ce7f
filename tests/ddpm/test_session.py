"""Runs from outside, driven by a trainer that is no model: what is left on disk, and when."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from ddpm import session
from ddpm.checkpoint import Checkpoint
from ddpm.config import preset
from ddpm.errors import InputError
from ddpm.runlog import read_losses

IMAGES = np.zeros((10, 1, 28, 28), np.float32)
CONFIG = preset("tiny").with_(train={"epochs": 3, "batch_size": 4})  # two steps an epoch


class Group:
    """A process group whose other members have said what `others` says."""

    def __init__(self, rank=0, size=1, others=False):
        self.rank, self.size, self.others = rank, size, others

    def any(self, flag):
        return flag or self.others


class Counter:
    """A trainer whose only weight counts its steps."""

    def __init__(self, interrupt_at=None, group=None):
        self.config, self.step, self.interrupt_at = CONFIG, 0, interrupt_at
        self.group = group or Group()

    def train_epoch(self, images, epoch, start=0):
        for _ in range(start, 2):
            if self.step == self.interrupt_at:
                os.kill(os.getpid(), signal.SIGINT)
            self.step += 1
            yield 1 / self.step

    def checkpoint(self, *, dataset, epoch):
        weights = {"w": np.array([self.step], np.float32)}
        return Checkpoint(
            config=CONFIG,
            framework="torch",
            dataset=dataset,
            epoch=epoch,
            step=self.step,
            weights=weights,
            ema=weights,
        )

    def restore(self, checkpoint):
        self.step = checkpoint.step


def test_an_unbroken_run_leaves_logs_checkpoints_and_the_curve(tmp_path):
    outcome = session.train(Counter(), IMAGES, dataset="set", folder=tmp_path, save_every=2)
    assert not outcome.interrupted
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["ddpm_set_epoch2.safetensors", "ddpm_set_epoch3.safetensors"]
    steps, losses = read_losses(tmp_path / "logs" / "train_log.txt")
    assert steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert losses.tolist() == [1 / n for n in range(1, 7)]
    assert (tmp_path / "logs" / "loss_curve_set.png").read_bytes().startswith(b"\x89PNG")
    assert len((tmp_path / "logs" / "performance_log.txt").read_text().splitlines()) == 3


@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_an_interrupted_run_goes_on_where_it_was(tmp_path, step):
    handler = signal.getsignal(signal.SIGINT)
    outcome = session.train(Counter(interrupt_at=step), IMAGES, dataset="set", folder=tmp_path)
    assert outcome.interrupted
    state = Checkpoint.load(outcome.checkpoint)
    assert state.step == step + 1, "the step that was running is finished"
    assert signal.getsignal(signal.SIGINT) is handler
    outcome = session.train(Counter(), IMAGES, dataset="set", folder=tmp_path, resume=state)
    assert Checkpoint.load(outcome.checkpoint).step == 6
    session.train(Counter(), IMAGES, dataset="set", folder=tmp_path / "unbroken")
    logs = [folder / "logs" / "train_log.txt" for folder in (tmp_path, tmp_path / "unbroken")]
    assert logs[0].read_bytes() == logs[1].read_bytes()


def test_a_batch_larger_than_the_set_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="larger than the set of 3 images"):
        session.train(Counter(), IMAGES[:3], dataset="set", folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_of_several_processes_the_first_alone_writes(tmp_path):
    folders = [tmp_path / str(rank) for rank in (0, 1)]
    taken = [Counter(group=Group(rank, 2)) for rank in (0, 1)]
    outcomes = [
        session.train(trainer, IMAGES, dataset="set", folder=folder)
        for trainer, folder in zip(taken, folders, strict=True)
    ]
    assert [trainer.step for trainer in taken] == [6, 6]
    assert not any(outcome.interrupted for outcome in outcomes)
    assert outcomes[0].checkpoint.exists()
    assert not folders[1].exists()


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("told", ["this one", "another"])
def test_processes_stop_at_the_same_step_whichever_was_told(tmp_path, rank, told):
    group = Group(rank, 2, others=told == "another")
    trainer = Counter(interrupt_at=0 if told == "this one" else None, group=group)
    assert session.train(trainer, IMAGES, dataset="set", folder=tmp_path).interrupted
    assert trainer.step == 1


def test_among_several_a_signal_that_comes_twice_stops_after_the_step(tmp_path):
    trainer = Counter(group=Group(0, 2))

    def told_twice(*_):
        os.kill(os.getpid(), signal.SIGINT)  # by the terminal
        os.kill(os.getpid(), signal.SIGINT)  # and by the launcher, which heard it too
        trainer.step += 1
        yield 1.0

    trainer.train_epoch = told_twice
    outcome = session.train(trainer, IMAGES, dataset="set", folder=tmp_path)
    assert Checkpoint.load(outcome.checkpoint).step == 1


def test_more_processes_than_images_in_a_batch_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="5 processes cannot share a batch of 4"):
        session.train(Counter(group=Group(0, 5)), IMAGES, dataset="set", folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_samples_come_in_batches_and_frames_from_the_first():
    config = preset("tiny").with_(sample={"num_samples": 5, "batch_size": 2})
    asked = []

    def chain(numbers):
        asked.append(list(numbers))
        for t in range(config.diffusion.T, -1, -1):
            yield t, np.array([[[[n + t / 1000]]] for n in numbers])

    outcome = session.sample(chain, config, frame_count=3)
    assert asked == [[0, 1], [2, 3], [4]]
    assert outcome.images.ravel().tolist() == [0, 1, 2, 3, 4]
    assert {t: x.shape for t, x in outcome.frames.items()} == dict.fromkeys(
        (100, 50, 0), (2, 1, 1, 1)
    )


def test_a_sampling_broken_off_goes_on_with_the_next_batch(tmp_path):
    config = preset("tiny").with_(diffusion={"T": 2}, sample={"num_samples": 5, "batch_size": 2})
    drawn = []

    def chain(numbers):
        drawn.append(list(numbers))
        for t in (2, 1, 0):
            if 4 in numbers and len(drawn) == 3:
                raise KeyboardInterrupt
            yield t, np.array([[[[n + t]]] for n in numbers], np.float32)

    with pytest.raises(KeyboardInterrupt):
        session.sample(chain, config, parts=tmp_path)
    outcome = session.sample(chain, config, parts=tmp_path)
    assert drawn == [[0, 1], [2, 3], [4], [4]]
    assert outcome.images.ravel().tolist() == [0, 1, 2, 3, 4]
    assert {t: x.ravel().tolist() for t, x in outcome.frames.items()} == {
        2: [2, 3],
        1: [1, 2],
        0: [0, 1],
    }


def test_samples_that_are_damaged_are_named(tmp_path):
    path = tmp_path / "samples.npz"
    path.write_bytes(b"PK")
    with pytest.raises(InputError, match=r"samples.npz holds no samples"):
        session.SamplingOutcome.load(path)


def peak_of_a_child(before="pass"):
    code = f"from ddpm.session import peak_memory; {before}; print(peak_memory())"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    return int(done.stdout)


def test_peak_memory_is_the_process_s_own_and_not_that_of_the_one_that_started_it():
    small = peak_of_a_child()
    held = bytearray(b"x") * (500 * 2**20)
    assert peak_of_a_child() < small + 100 * 2**20
    assert len(held) == 500 * 2**20


def test_peak_memory_stays_when_memory_is_given_back():
    small = peak_of_a_child()
    assert peak_of_a_child("held = bytearray(b'x') * 2**28; del held") > small + 0.9 * 2**28
