"""Curves are read from logs as people have them, and what cannot be read is one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ddpm.logs.run_log import RunLog
from parity.curves.reading import read_curve
from parity.errors import CannotCompare
from tests.parity.curves.event_bytes import VERSION, event, simple

TEXTS = {
    "ddpm": "epoch 1 step 0 loss 0.5\nepoch 1 step 1 loss 0.25\n",
    "epochs": "starting\nepoch 0 loss 0.5 lr 3\nepoch 1 loss 0.25 lr 3\nloss at the end: fine\n",
    "equals": "step=0, loss=0.5\nstep=1, loss=0.25\n",
    "colons": "Iter 0: train Loss: 0.5, val_loss: 7\nIter 1: train Loss: 0.25, val_loss: 7\n",
    "json": '{"step": 0, "loss": 0.5, "x": [1]}\n{"step": 1, "loss": 0.25}\n{"event": "end"}\n',
    "json of epochs": '{"epoch": 0.0, "loss": "0.5"}\n{"epoch": 1.0, "loss": 0.25}\n',
    "json list": '[{"step": 0, "loss": 0.5},\n {"step": 1, "loss": 0.25}, {"end": 1}]',
    "trainer_state.json": (
        '{"best": null, "log_history": [\n{"epoch": 0.1, "loss": 0.5, "step": 0},\n'
        '{"epoch": 0.1, "eval_loss": 7, "step": 0},\n{"loss": 0.25, "step": 1}], "other": [{}]}'
    ),
    "dict": "{'loss': 0.5, 'step': 0}\n{'loss': 0.25, 'step': 1}\n",
    "csv": "step,lr,loss\n0,7,0.5\n1,7,0.25\n",
    "csv with gaps": 'Epoch,Step,"Loss",val\n0,0,0.5,\n0,0,,0.9\n0,1,0.25,\n',
    "csv with ;": "loss;iteration\n0.5;0\n0.25;1\n",
    "tsv": "step\tloss\n0\t0.5\n1\t0.25\n",
    "summary lines": "epoch 1 step 0 loss 0.5\nepoch 1 step 1 loss 0.25\nepoch 1 loss 0.4\n",
}


def read(
    folder: Path, text: str, name: str = "a.log", **named: str
) -> tuple[list[int], list[float]]:
    (folder / name).write_text(text)
    curve = read_curve(folder / name, "A", **named)
    return curve.steps.tolist(), curve.values.tolist()


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_log_is_read(text: str, tmp_path: Path) -> None:
    assert read(tmp_path, text) == ([0, 1], [0.5, 0.25])


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        (
            "Epoch: [0][20/100] Time 9 (8) Loss 0.5 (0.6)\nEpoch: [1][0/100] Loss 0.25 (0.3)",
            [20, 100],
        ),
        ("Epoch [1/3], Step [9/10], Loss: 0.5\nEpoch [2/3], Step [1/10], Loss: 0.25", [19, 21]),
        (
            "Train Epoch: 1 [0/600 (0%)]\tLoss: 0.5\nTrain Epoch: 1 [64/600 (9%)]\tLoss: 0.25",
            [600, 664],
        ),
        ("epoch 0 step 0 loss 0.5\nepoch 1 step 0 loss 0.25", [0, 1]),
        ("epoch 0 step 5 loss 0.5\nepoch 1 step 6 loss 0.25", [5, 6]),
    ],
)
def test_steps_are_counted_through_the_run(text: str, steps: list[int], tmp_path: Path) -> None:
    assert read(tmp_path, text + "\n") == (steps, [0.5, 0.25])


def test_this_projects_own_log_is_read_exactly(tmp_path: Path) -> None:
    losses = [1.0, 0.1 + 0.2, 1e-7 / 3]
    with RunLog(tmp_path) as log:
        for step, loss in enumerate(losses):
            log.step(epoch=1, step=step, loss=loss)
    curve = read_curve(tmp_path / "train_log.txt", "A")
    assert curve.values.tolist() == losses
    assert (curve.resolution < 1e-15).all()


def test_another_loss_is_chosen_by_name(tmp_path: Path) -> None:
    text = "step 1 loss 1.0 g_loss 2.0 val/loss 3.0\n"
    assert read(tmp_path, text)[1] == [1.0]
    assert read(tmp_path, text, column="g_loss")[1] == [2.0]
    assert read(tmp_path, text, column="val/loss")[1] == [3.0]
    assert read(tmp_path, "Wall time,Step,Value\n1.5,3,0.5\n", "a.csv", column="value")[0] == [3]


def test_printed_digits_give_the_resolution(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("step 1 loss 0.1234\nstep 2 loss 0.1200\n")
    np.testing.assert_allclose(read_curve(tmp_path / "a.log", "A").resolution, 5e-5)


def test_half_a_line_of_a_killed_run_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("step 1 loss 0.5\nstep 2 loss 0.")
    curve = read_curve(tmp_path / "a.log", "A")
    assert curve.steps.tolist() == [1]
    assert len(curve.notes) == 1
    assert curve.notes[0].endswith(": the last line has no end and is left out")


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.log", "", "has no line with a number of a step or epoch and one after 'loss'"),
        ("a.log", "step 1 g_loss 0.5\n", "there are step, g_loss: name one with --column"),
        ("a.log", "step 1 loss 0.5\nstep 1 loss 0.4\n", "step 1 twice, at line 1 and line 2"),
        ("a.log", "step 1 loss 0.5\nstep 2 loss nan\n", "is nan from step 2 on"),
        ("a.log", '{"step": 1, "loss": NaN}\n', "is nan from step 1 on"),
        ("a.log", '{"step": 1, "loss": -Infinity}\n', "is inf from step 1 on"),
        ("a.json", '[{"step": 1, "loss": 1}, {"step": 1, "loss": 2}]', "at entry 1 and entry 2"),
        ("a.json", '[{"step": 1, "g_loss": 1}]', "there are step, g_loss: name one"),
        ("a.json", "[1, 2]", "has no line with a number of a step"),
        ("a.log", f"step {'9' * 30} loss 0.5\n", "has no line with a number of a step"),
        ("a.log", '{"a":' * 100_000 + "\n", "has no line with a number of a step"),
        ("a.csv", "step,g_loss\n1,2\n", "no column 'loss': name one with --column; there are step"),
        ("a.csv", "time,loss\n1,2\n", "has none of the columns step, "),
        ("a.csv", "step,loss\n1,low\n", "line 2: 'low' is no number"),
        ("a.csv", "step,loss\n1.5,2\n", "line 2: '1.5' is no step"),
        ("a.csv", "step,loss\n", "has no line with a number"),
        ("a.csv", "", "no column 'loss'"),
    ],
)
def test_a_log_that_cannot_be_read_is_one_line(
    name: str, text: str, line: str, tmp_path: Path
) -> None:
    with pytest.raises(CannotCompare) as raised:
        read(tmp_path, text, name)
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "junk").write_bytes(b"\x80\x02junk")
    (tmp_path / "empty").mkdir()
    for name, line in {
        "gone": "does not exist: name a log",
        "junk": "is no text in UTF-8: byte 0 is wrong",
        "empty": "is a folder without events.out.tfevents.*",
        "events.out.tfevents.1": "does not exist",
    }.items():
        with pytest.raises(CannotCompare, match=line.replace("*", r"\*")):
            read_curve(tmp_path / name, "A")


def test_event_files_of_a_folder_are_one_curve(tmp_path: Path) -> None:
    for number, step in enumerate((1, 2)):
        content = VERSION + event(step, simple("loss", 0.5), simple("rate", 1.0))
        (tmp_path / f"events.out.tfevents.{number}").write_bytes(content)
    curve = read_curve(tmp_path, "A")
    assert (curve.steps.tolist(), curve.values.tolist()) == ([1, 2], [0.5, 0.5])
    assert curve.resolution.tolist() == [2.0**-25] * 2
    assert read_curve(tmp_path, "A", tag="rate").values.tolist() == [1.0, 1.0]
    with pytest.raises(CannotCompare, match="no scalar 'x': give --tag, one of loss, rate"):
        read_curve(tmp_path, "A", tag="x")
    cut = VERSION + event(2, simple("loss", 0.25))[:-3]
    (tmp_path / "events.out.tfevents.1").write_bytes(cut)
    assert "events.out.tfevents.1 is cut short" in read_curve(tmp_path, "A").notes[0]
    (tmp_path / "events.out.tfevents.0").write_bytes(VERSION)
    with pytest.raises(CannotCompare, match="has no scalars"):
        read_curve(tmp_path, "A")


def test_the_only_tag_needs_no_name(tmp_path: Path) -> None:
    (tmp_path / "run.tfevents.1").write_bytes(VERSION + event(1, simple("Loss/train", 0.5)))
    assert read_curve(tmp_path / "run.tfevents.1", "A").values.tolist() == [0.5]
