"""The logs: exact losses, and a resumed log like an uninterrupted one."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddpm.errors import InputError
from ddpm.logs.run_log import RunLog, read_epochs, read_losses


def log_steps(log, losses, first=0, per_epoch=4):
    for step, loss in enumerate(losses, first):
        log.step(epoch=step // per_epoch, step=step, loss=loss)


@given(st.lists(st.floats(), max_size=20))
def test_every_float64_is_read_back_exactly(tmp_path_factory, losses):
    folder = tmp_path_factory.mktemp("log")
    with RunLog(folder) as log:
        log_steps(log, losses)
    steps, got = read_losses(folder / "train_log.txt")
    np.testing.assert_array_equal(steps, np.arange(len(losses)))
    np.testing.assert_array_equal(got, np.array(losses, np.float64), strict=True)


def test_float32_losses_are_written_exactly_too(tmp_path):
    loss: Any = np.float32(0.1)
    with RunLog(tmp_path) as log:
        log.step(epoch=0, step=0, loss=loss)
    assert read_losses(tmp_path / "train_log.txt")[1][0] == float(loss)


@pytest.mark.parametrize("cut", [0, 1, 5, 9])
def test_a_resumed_log_equals_an_uninterrupted_one_byte_for_byte(tmp_path, cut):
    losses = np.random.default_rng(0).standard_normal(10).tolist()
    with RunLog(tmp_path / "whole") as log:
        log_steps(log, losses)
    with RunLog(tmp_path / "resumed") as log:
        log_steps(log, losses[:9])
    with (tmp_path / "resumed" / "train_log.txt").open("a") as file:
        file.write("epoch 2 step 9 lo")  # the run was killed within a line
    with RunLog(tmp_path / "resumed") as log:
        log.truncate_to(step=cut, epoch=0)
        log_steps(log, losses[cut:], first=cut)
    contents = [(tmp_path / n / "train_log.txt").read_bytes() for n in ("whole", "resumed")]
    assert contents[0] == contents[1]


def test_a_new_run_starts_its_logs_anew(tmp_path):
    for loss in (1.0, 2.0):
        with RunLog(tmp_path) as log:
            log.restart()
            log_steps(log, [loss])
            log.epoch(epoch=0, seconds=2.0, images=100)
    assert read_losses(tmp_path / "train_log.txt")[1].tolist() == [2.0]
    assert len((tmp_path / "performance_log.txt").read_text().splitlines()) == 1


def test_lines_are_on_the_disk_while_the_run_goes_on(tmp_path):
    with RunLog(tmp_path) as log:
        log_steps(log, [0.5])
        assert (tmp_path / "train_log.txt").read_text() == "epoch 0 step 0 loss 0.5\n"


def test_the_performance_log_says_time_speed_and_memory(tmp_path):
    with RunLog(tmp_path) as log:
        log.epoch(epoch=0, seconds=2.0, images=100)
        log.epoch(epoch=1, seconds=0.0, images=100, peak_memory=3 << 20)
    assert (tmp_path / "performance_log.txt").read_text() == (
        "epoch 0 time 2.000 s speed 50.0 images/s\n"
        "epoch 1 time 0.000 s speed inf images/s peak memory 3.0 MiB\n"
    )


def test_an_unfinished_last_line_is_passed_over(tmp_path):
    (tmp_path / "train_log.txt").write_text("epoch 0 step 0 loss 0.25\nepoch 0 step 1 loss 0.2")
    steps, losses = read_losses(tmp_path / "train_log.txt")
    assert (steps.tolist(), losses.tolist()) == ([0], [0.25])


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_speed_that_is_no_number_is_refused(tmp_path, value):
    path = tmp_path / "performance_log.txt"
    path.write_text(f"epoch 1 time 2.0 s speed {value} images/s\n")
    with pytest.raises(InputError, match=r"line 1: .* is not 'epoch E time S s"):
        read_epochs(path)


def test_nan_losses_are_kept(tmp_path):
    with RunLog(tmp_path) as log:
        log_steps(log, [math.nan])
    assert math.isnan(read_losses(tmp_path / "train_log.txt")[1][0])


@pytest.mark.parametrize(
    "line",
    ["nonsense", "epoch 0 step 1 loss low", "", "epoch 0 step 1", f"epoch 0 step {10**18} loss 1"],
)
def test_a_line_of_another_kind_is_named_by_its_number(tmp_path, refuses, line):
    path = tmp_path / "train_log.txt"
    path.write_text(f"epoch 0 step 0 loss 0.25\n{line}\n")
    with refuses(path, "line 2", repr(line)):
        read_losses(path)


def test_unreadable_logs_are_refused(tmp_path, refuses):
    with refuses(tmp_path / "none", "cannot be read"):
        read_losses(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with refuses(tmp_path / "binary", "cannot be read"):
        read_losses(tmp_path / "binary")


def test_a_folder_that_cannot_be_written_is_refused(tmp_path, refuses_to_write):
    (tmp_path / "file").write_text("in the way")
    with refuses_to_write(tmp_path / "file", "cannot be written"):
        RunLog(tmp_path / "file" / "logs")


@pytest.mark.parametrize("name", ["train_log.txt", "performance_log.txt"])
def test_a_full_disk_is_one_line(tmp_path, refuses_to_write, name):
    (tmp_path / name).symlink_to("/dev/full")
    with (
        refuses_to_write(name, "No space left on device; free some space"),
        RunLog(tmp_path) as log,
    ):
        log_steps(log, [1.0])
        log.epoch(epoch=0, seconds=1.0, images=4)


def test_epochs_are_read_back_and_of_one_done_twice_the_last(tmp_path):
    with RunLog(tmp_path) as log:
        log.epoch(epoch=1, seconds=2.0, images=100, peak_memory=2**30)
        log.epoch(epoch=2, seconds=9.0, images=100)
        log.epoch(epoch=2, seconds=4.0, images=100)
    assert read_epochs(tmp_path / "performance_log.txt") == [
        {"epoch": 1, "seconds": 2.0, "images_per_second": 50.0, "peak_mebibytes": 1024.0},
        {"epoch": 2, "seconds": 4.0, "images_per_second": 25.0},
    ]


def test_a_line_that_is_no_epoch_is_named(tmp_path, refuses):
    (tmp_path / "performance_log.txt").write_text("epoch 1 time s\n")
    with refuses("line 1: 'epoch 1 time s' is not"):
        read_epochs(tmp_path / "performance_log.txt")
