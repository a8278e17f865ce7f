"""Event files are read without TensorBoard, and as TensorBoard writes them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from parity.curves.tensorboard import event_files, masked_crc, read_scalars
from parity.errors import CannotCompare
from tests.parity.curves.event_bytes import VERSION, event, record, simple, tensor

FLOAT, DOUBLE, STRING = 1, 2, 7


def written(folder: Path, content: bytes) -> Path:
    path = folder / "events.out.tfevents.1.host"
    path.write_bytes(content)
    return path


def test_the_checksum_is_that_of_crc_32c() -> None:
    # The check value of CRC-32C for "123456789" is E3069283.
    plain = ((masked_crc(b"123456789") - 0xA282EAD8) % 2**32) << 15
    assert (plain | plain >> 32) & 0xFFFFFFFF == 0xE3069283


def test_scalars_of_every_form_are_read(tmp_path: Path) -> None:
    content = VERSION
    content += event(3, simple("loss", 0.1), simple("rate", 2.0))
    content += event(300, tensor("loss", FLOAT, 4, struct.pack("<f", 0.25)))
    content += event(70_000, tensor("loss", FLOAT, 5, struct.pack("<f", 0.5)))
    content += event(-1, tensor("loss", DOUBLE, 6, struct.pack("<d", 0.1)))
    content += event(5, tensor("text", STRING, 8, b"loss"))
    content += event(6, tensor("many", FLOAT, 4, struct.pack("<2f", 1.0, 2.0)))
    scalars, cut = read_scalars(written(tmp_path, content))
    assert not cut
    assert [(s.tag, s.step, s.value) for s in scalars] == [
        ("loss", 3, float(np.float32(0.1))),
        ("rate", 3, 2.0),
        ("loss", 300, 0.25),
        ("loss", 70_000, 0.5),
        ("loss", -1, 0.1),
    ]
    assert scalars[0].resolution == 2.0**-28
    assert scalars[4].resolution == 2.0**-57


def test_a_last_record_cut_short_is_left_out(tmp_path: Path) -> None:
    content = VERSION + event(1, simple("loss", 0.5)) + event(2, simple("loss", 0.4))
    for lost in (1, 10, len(event(2, simple("loss", 0.4))) - 1):
        scalars, cut = read_scalars(written(tmp_path, content[:-lost]))
        assert cut
        assert [s.step for s in scalars] == [1]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"\x00\x93junk that is no event file", "is no event file"),
        (VERSION + event(1, simple("loss", 0.5))[:-1] + b"\x00", "wrong checksum"),
        (VERSION + record(b"\x0f\xff\xff"), "damaged at byte 40: no event"),
        (VERSION + record(b"\x2a\x40\x00"), "damaged at byte 40: no event"),
        (VERSION + event(1, tensor("a", FLOAT, 4, b"\x00" * 5)), "damaged at byte 40: no event"),
        (VERSION + b"\x01" * 30, "damaged at byte 40: the checksum of a length"),
    ],
)
def test_damage_is_named_by_its_place(content: bytes, line: str, tmp_path: Path) -> None:
    with pytest.raises(CannotCompare) as raised:
        read_scalars(written(tmp_path, content))
    assert line in str(raised.value)


def test_every_flipped_bit_of_a_scalar_is_noticed(tmp_path: Path) -> None:
    content = VERSION + event(1, simple("loss", 0.5))
    expected = read_scalars(written(tmp_path, content))
    for bit in range(8 * len(VERSION), 8 * len(content)):
        wrong = bytearray(content)
        wrong[bit // 8] ^= 1 << bit % 8
        try:
            found = read_scalars(written(tmp_path, bytes(wrong)))
        except CannotCompare:
            continue
        # The field of the summary itself became another one: then nothing is read.
        assert found != expected
        assert not found[0]


def test_event_files_are_known_by_name(tmp_path: Path) -> None:
    path = written(tmp_path, VERSION)
    (tmp_path / "other.txt").touch()
    assert event_files(tmp_path) == event_files(path) == [path]
    assert event_files(tmp_path / "other.txt") == []


def test_a_file_of_tensorboard_is_read(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(tmp_path))
    for step in range(200):
        value = Summary.Value(tag="loss", simple_value=1 / (step + 1))
        writer.add_event(Event(step=step, wall_time=1.0, summary=Summary(value=[value])))
    writer.close()
    scalars = read_scalars(event_files(tmp_path)[0])[0]
    assert [s.step for s in scalars] == list(range(200))
    assert [s.value for s in scalars] == [float(np.float32(1 / (step + 1))) for step in range(200)]


def test_a_file_of_torch_is_read(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    writing = pytest.importorskip("torch.utils.tensorboard")
    with writing.SummaryWriter(str(tmp_path)) as writer:
        for step in (0, 1, 1_000_000):
            writer.add_scalar("Loss/train", 0.1 * step, step)
        writer.add_scalar("new", 0.3, 7, new_style=True)
        writer.add_text("notes", "loss 0.5")
        writer.add_histogram("weights", np.arange(10.0))
    scalars = read_scalars(event_files(tmp_path)[0])[0]
    assert [(s.tag, s.step) for s in scalars] == [
        *(("Loss/train", step) for step in (0, 1, 1_000_000)),
        ("new", 7),
    ]
    assert scalars[-1].value == float(np.float32(0.3))
