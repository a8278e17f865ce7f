"""Files appear complete or not at all."""

import fcntl
import os
import re
import signal
import stat
from contextlib import contextmanager

import pytest

import safe_files


@pytest.fixture
def refuses():
    """Return a block that must end in a CannotWrite of one line with each part in it, literally."""

    @contextmanager
    def block(*parts):
        with pytest.raises(safe_files.CannotWrite) as caught:
            yield
        text = str(caught.value)
        assert re.fullmatch(r"[^\n]+", text), f"not one line: {text!r}"
        for part in parts:
            assert str(part) in text

    return block


@pytest.fixture
def listing():
    """Return a function that lists the files below a folder, hidden ones too."""
    return lambda folder: {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    }


def test_the_file_appears_only_when_the_block_succeeds(tmp_path, listing):
    path = tmp_path / "new" / "folder" / "report.txt"
    with safe_files.replacing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".txt"
        temporary.write_text("complete")
        assert not path.exists()
    assert path.read_text() == "complete"
    assert listing(tmp_path) == {"new/folder/report.txt"}


@pytest.mark.parametrize("crash", [RuntimeError, KeyboardInterrupt])
def test_a_crash_leaves_the_old_file_and_nothing_else(tmp_path, listing, crash):
    path = tmp_path / "old.bin"
    path.write_bytes(b"old")
    with pytest.raises(crash), safe_files.replacing(path) as temporary:  # noqa: PT012
        temporary.write_bytes(b"half")
        raise crash
    assert path.read_bytes() == b"old"
    assert listing(tmp_path) == {"old.bin"}


def test_the_bytes_reach_the_disk_before_the_move(tmp_path, monkeypatch):
    order = []
    fsync, replace = os.fsync, os.replace

    def recorded(name, function):
        def call(*arguments):
            order.append(name)
            return function(*arguments)

        return call

    monkeypatch.setattr(os, "fsync", recorded("fsync", fsync))
    monkeypatch.setattr(os, "replace", recorded("replace", replace))
    safe_files.write_text(tmp_path / "durable.txt", "x")
    assert order == ["fsync", "replace", "fsync"]  # the file, the move, the folder


def test_the_mode_is_that_of_an_ordinary_file_whatever_the_writer_leaves(tmp_path):
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    with safe_files.replacing(tmp_path / "written") as temporary:
        temporary.chmod(0o600)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (ordinary, tmp_path / "written")]
    assert modes[0] == modes[1]


def test_a_path_below_a_file_is_refused(tmp_path, refuses, listing):
    (tmp_path / "file").write_text("in the way")
    with refuses(tmp_path / "file", "cannot be written into: it is a file"):
        safe_files.write_text(tmp_path / "file" / "x.png", "never")
    with refuses(tmp_path / "file" / "deep", "cannot be written: Not a directory"):
        safe_files.write_text(tmp_path / "file" / "deep" / "x.png", "never")
    assert listing(tmp_path) == {"file"}


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path, refuses, listing):
    with refuses(tmp_path, "it is a folder"):
        safe_files.write_text(tmp_path, "never")
    assert listing(tmp_path) == set()


def test_a_full_disk_is_one_line_and_keeps_the_old_file(tmp_path, refuses, listing):
    path = tmp_path / "old.txt"
    path.write_text("old")
    with (
        refuses(path, "No space left on device; free some space"),
        safe_files.replacing(path) as temporary,
    ):
        temporary.write_text("half")
        raise OSError(28, "No space left on device")
    assert path.read_text() == "old"
    assert listing(tmp_path) == {"old.txt"}


def test_what_killed_writers_left_is_swept_away_and_nothing_else(tmp_path):
    (tmp_path / "below").mkdir()
    left = [
        tmp_path / name
        for name in (".run.0a1b2c3d.json", "below/.part_0001.deadbeef.npz", "below/.tmpQ7aB1z")
    ]
    kept = [
        tmp_path / name
        for name in (".hidden", ".x.json", "a.0a1b2c3d.json", "below/x.npz", ".tmp", "tmpQ7aB1z")
    ]
    for path in (*left, *kept):
        path.write_text("")
    safe_files.sweep(tmp_path)
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in kept)


def test_what_a_killed_writer_of_the_same_file_left_goes_and_what_a_living_one_has_stays(tmp_path):
    path, child = tmp_path / "x.npz", os.fork()
    if child == 0:
        with safe_files.replacing(path):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    (left,) = tmp_path.iterdir()
    others = [tmp_path / name for name in (".y.0a1b2c3d.npz", ".x.0a1b2c3d.txt", ".x.z.npz")]
    for other in others:
        other.touch()
    with safe_files.replacing(path) as living:
        assert not left.exists()
        with safe_files.replacing(path) as second:
            second.write_text("second")
        safe_files.sweep(tmp_path)
        living.write_text("first")
    assert path.read_text() == "first"
    assert sorted(tmp_path.iterdir()) == sorted([path, tmp_path / ".x.z.npz"])


def test_a_temporary_file_that_is_swept_before_it_is_locked_is_made_again(tmp_path, monkeypatch):
    flock, swept = fcntl.flock, []

    def late(file, operation):
        if not swept:
            swept.append(os.fstat(file.fileno()))
            for path in tmp_path.iterdir():
                path.unlink()
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    safe_files.write_text(tmp_path / "x.txt", "whole")
    assert swept
    assert (tmp_path / "x.txt").read_text() == "whole"


def test_a_file_system_without_locks_is_no_error(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    (tmp_path / ".x.0a1b2c3d.txt").touch()
    safe_files.write_text(tmp_path / "x.txt", "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".x.0a1b2c3d.txt", "x.txt"]


def test_a_message_of_many_lines_becomes_one(tmp_path, refuses):
    with refuses("a b"), safe_files.replacing(tmp_path / "x"):
        raise OSError("a\n   b")


def test_a_device_or_a_pipe_stays_what_it_is(tmp_path, refuses):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to("/dev/null")
    for name in ("pipe", "null"):
        with refuses(tmp_path / name, "it is no regular file"):
            safe_files.write_text(tmp_path / name, "text")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert (tmp_path / "null").is_symlink()
    assert {path.name for path in tmp_path.iterdir()} == {"pipe", "null"}
