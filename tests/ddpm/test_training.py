"""Training runs of a trainer without a model: the files that they leave, and when."""

import os
import signal

import numpy as np
import pytest

from ddpm import training
from ddpm.checkpoint import Checkpoint
from ddpm.checkpoints.image_digest import ImageDigest
from ddpm.checkpoints.parameter_shapes import parameter_shapes
from ddpm.checkpoints.run_folder import earlier_run
from ddpm.config import preset
from ddpm.errors import InputError
from ddpm.logs.run_log import read_losses

IMAGES = np.zeros((10, 1, 28, 28), np.float32)
CONFIG = preset("tiny").with_(train={"epochs": 3, "batch_size": 4})  # two steps an epoch


class Group:
    """A process group in whose other processes the flag is `others`."""

    def __init__(self, rank=0, size=1, others=False):
        self.rank, self.size, self.others = rank, size, others

    def any(self, flag):
        return flag or self.others


class Counter:
    """A trainer whose only weight counts its steps."""

    def __init__(self, interrupt_at=None, group=None, number=signal.SIGINT):
        self.config, self.step, self.interrupt_at, self.number = CONFIG, 0, interrupt_at, number
        self.group = group or Group()

    def train_epoch(self, images, epoch, start=0):
        for _ in range(start, 2):
            if self.step == self.interrupt_at:
                os.kill(os.getpid(), self.number)
            self.step += 1
            yield 1 / self.step

    def checkpoint(self, *, dataset, epoch):
        shapes = parameter_shapes(CONFIG.unet)
        weights = {name: np.full(shape, self.step, np.float32) for name, shape in shapes.items()}
        return Checkpoint(
            config=CONFIG,
            framework="torch",
            dataset=dataset,
            epoch=epoch,
            step=self.step,
            weights=weights,
            ema=weights,
            exp_avg=weights,
            exp_avg_sq=weights,
        )

    def restore(self, checkpoint):
        self.step = checkpoint.step


def test_an_uninterrupted_run_leaves_logs_checkpoints_and_the_curve(tmp_path):
    outcome = training.train(Counter(), IMAGES, dataset="set", folder=tmp_path, save_every=2)
    assert not outcome.interrupted
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["ddpm_set_epoch2.safetensors", "ddpm_set_epoch3.safetensors"]
    steps, losses = read_losses(tmp_path / "logs" / "train_log.txt")
    assert steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert losses.tolist() == [1 / n for n in range(1, 7)]
    assert (tmp_path / "logs" / "loss_curve_set.png").read_bytes().startswith(b"\x89PNG")
    assert len((tmp_path / "logs" / "performance_log.txt").read_text().splitlines()) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_an_interrupted_run_continues_where_it_was(tmp_path, step, number):
    handler = signal.getsignal(number)
    trainer = Counter(interrupt_at=step, number=number)
    outcome = training.train(trainer, IMAGES, dataset="set", folder=tmp_path)
    assert outcome.interrupted
    state = Checkpoint.load(outcome.checkpoint)
    assert state.step == step + 1, "the step that was running is finished"
    assert signal.getsignal(number) is handler
    outcome = training.train(Counter(), IMAGES, dataset="set", folder=tmp_path, resume=state)
    assert Checkpoint.load(outcome.checkpoint).step == 6
    training.train(Counter(), IMAGES, dataset="set", folder=tmp_path / "uninterrupted")
    logs = [folder / "logs" / "train_log.txt" for folder in (tmp_path, tmp_path / "uninterrupted")]
    assert logs[0].read_bytes() == logs[1].read_bytes()


@pytest.mark.parametrize("step", [1, 3, 5])
def test_a_run_interrupted_after_an_epochs_last_step_has_that_epoch_done(tmp_path, step):
    outcome = training.train(Counter(interrupt_at=step), IMAGES, dataset="set", folder=tmp_path)
    state = Checkpoint.load(outcome.checkpoint)
    assert (state.step, state.epoch) == (step + 1, (step + 1) // 2)
    outcome = training.train(Counter(), IMAGES, dataset="set", folder=tmp_path, resume=state)
    assert outcome.checkpoint.name == "ddpm_set_epoch3.safetensors"
    assert (tmp_path / "logs" / "loss_curve_set.png").exists()


def test_a_run_killed_before_its_curve_gets_it_when_it_is_resumed(tmp_path):
    outcome = training.train(Counter(), IMAGES, dataset="set", folder=tmp_path)
    curve = tmp_path / "logs" / "loss_curve_set.png"
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    curve.unlink()
    state = Checkpoint.load(outcome.checkpoint)
    training.train(Counter(), IMAGES, dataset="set", folder=tmp_path, resume=state)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_run_killed_between_log_and_checkpoint_logs_no_epoch_twice(tmp_path, epoch):
    training.train(Counter(), IMAGES, dataset="set", folder=tmp_path)
    state = Checkpoint.load(tmp_path / "checkpoints" / f"ddpm_set_epoch{epoch}.safetensors")
    training.train(Counter(), IMAGES, dataset="set", folder=tmp_path, resume=state)
    lines = (tmp_path / "logs" / "performance_log.txt").read_text().splitlines()
    assert [line.split()[1] for line in lines] == ["1", "2", "3"]


def test_a_checkpoint_names_its_images_and_continues_on_no_others(tmp_path):
    outcome = training.train(Counter(interrupt_at=2), IMAGES, dataset="set", folder=tmp_path)
    state = Checkpoint.load(outcome.checkpoint)
    assert state.images == ImageDigest.of(IMAGES)
    other = IMAGES.copy()
    other[3, 0, 5, 5] = 0.5
    for images, part in ((other, "with other pixels"), (IMAGES[:9], "has 9 images")):
        trainer = Counter()
        with pytest.raises(InputError, match=part):
            training.train(trainer, images, dataset="set", folder=tmp_path / "new", resume=state)
        assert trainer.step == 0
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("fails", [True, False])
def test_an_earlier_run_is_removed_only_after_the_first_step_of_the_new_one(tmp_path, fails):
    training.train(Counter(), IMAGES, dataset="set", folder=tmp_path)
    old = earlier_run(tmp_path)
    assert [path.name for path in old] == [
        *(f"ddpm_set_epoch{n}.safetensors" for n in (1, 2, 3)),
        "train_log.txt",
    ]
    before = {path: path.read_bytes() for path in old}

    class Failing(Counter):
        def train_epoch(self, images, epoch, start=0):
            for loss in super().train_epoch(images, epoch, start):
                yield float("nan") if fails else loss

    trainer = Failing(interrupt_at=0)
    if fails:
        with pytest.raises(InputError, match="the loss is nan"):
            training.train(trainer, IMAGES, dataset="set", folder=tmp_path, replaced=old)
        assert {path: path.read_bytes() for path in old} == before
    else:
        training.train(trainer, IMAGES, dataset="set", folder=tmp_path, replaced=old)
        names = [path.name for path in earlier_run(tmp_path)]
        assert names == ["ddpm_set_interrupted.safetensors", "train_log.txt"]
        assert len(read_losses(tmp_path / "logs" / "train_log.txt")[0]) == 1


def test_a_batch_larger_than_the_set_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="larger than the set of 3 images"):
        training.train(Counter(), IMAGES[:3], dataset="set", folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_of_several_processes_only_the_first_writes(tmp_path):
    folders = [tmp_path / str(rank) for rank in (0, 1)]
    trainers = [Counter(group=Group(rank, 2)) for rank in (0, 1)]
    outcomes = [
        training.train(trainer, IMAGES, dataset="set", folder=folder)
        for trainer, folder in zip(trainers, folders, strict=True)
    ]
    assert [trainer.step for trainer in trainers] == [6, 6]
    assert not any(outcome.interrupted for outcome in outcomes)
    assert outcomes[0].checkpoint.exists()
    assert not folders[1].exists()


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("signalled", ["this one", "another"])
def test_processes_stop_at_the_same_step_whichever_was_signalled(tmp_path, rank, signalled):
    group = Group(rank, 2, others=signalled == "another")
    trainer = Counter(interrupt_at=0 if signalled == "this one" else None, group=group)
    assert training.train(trainer, IMAGES, dataset="set", folder=tmp_path).interrupted
    assert trainer.step == 1


def test_among_several_a_signal_that_comes_twice_stops_after_the_step(tmp_path):
    trainer = Counter(group=Group(0, 2))

    def signalled_twice(*_):
        os.kill(os.getpid(), signal.SIGINT)  # by the terminal
        os.kill(os.getpid(), signal.SIGINT)  # and by the launcher, which got it too
        trainer.step += 1
        yield 1.0

    trainer.train_epoch = signalled_twice
    outcome = training.train(trainer, IMAGES, dataset="set", folder=tmp_path)
    assert Checkpoint.load(outcome.checkpoint).step == 1


def test_more_processes_than_images_in_a_batch_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="5 processes cannot share a batch of 4"):
        training.train(Counter(group=Group(0, 5)), IMAGES, dataset="set", folder=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
@pytest.mark.parametrize("rank", [0, 1])
def test_a_loss_that_is_not_finite_ends_the_run_with_its_last_good_checkpoint(tmp_path, loss, rank):
    class Diverging(Counter):
        def train_epoch(self, images, epoch, start=0):
            for value in super().train_epoch(images, epoch, start):
                yield loss if self.step == 4 else value

    trainer = Diverging(group=Group(rank=rank, size=2))
    with pytest.raises(InputError, match=r"the loss is (nan|inf) at step 3 .learning rate 0.002"):
        training.train(trainer, IMAGES, dataset="set", folder=tmp_path)
    if rank == 0:
        saved = list((tmp_path / "checkpoints").iterdir())
        assert [path.name for path in saved] == ["ddpm_set_epoch1.safetensors"]
        assert Checkpoint.load(saved[0]).step == 2
        assert np.isfinite(read_losses(tmp_path / "logs" / "train_log.txt")[1]).all()


def test_a_hangup_that_is_ignored_from_the_start_stays_ignored(tmp_path):
    """As `nohup` has it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        trainer = Counter(interrupt_at=1, number=signal.SIGHUP)
        assert not training.train(trainer, IMAGES, dataset="set", folder=tmp_path).interrupted
    finally:
        signal.signal(signal.SIGHUP, before)
