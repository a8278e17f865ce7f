"""Whatever is no regular file, no text or no JSON is refused on one line, and never waited for."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path

import pytest

from safe_files.reading import (
    CannotRead,
    read_bytes,
    read_json,
    read_text,
    require_file,
    require_folder,
    sha256,
    sha256_of,
    show,
)


def make(folder: Path, kind: str) -> Path:
    path = folder / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to("loop")
    elif kind == "null":
        path = folder / "a\0b"
    elif kind == "long":
        path = folder / ("n" * 300)
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "does not exist"),
        ("pipe", "a pipe or a device"),
        ("device", "a pipe or a device"),
        ("folder", "is a folder"),
        ("loop", "Too many levels"),
        ("null", "null"),
        ("long", "File name too long"),
    ],
)
@pytest.mark.parametrize("read", [require_file, read_bytes, read_text, read_json])
def test_what_is_no_file_is_refused_before_it_is_opened(tmp_path, kind, reason, read):
    with pytest.raises(CannotRead, match=re.escape(reason)) as caught:
        read(make(tmp_path, kind))
    assert "\n" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_link_to_a_file_is_one(tmp_path):
    (tmp_path / "file").write_text("[1]", encoding="utf-8")
    (tmp_path / "link").symlink_to("file")
    assert read_json(tmp_path / "link") == [1]


def test_a_folder_is_required(tmp_path):
    require_folder(tmp_path)
    (tmp_path / "file").touch()
    for name in ("file", "missing", "pipe"):
        if name == "pipe":
            os.mkfifo(tmp_path / name)
        with pytest.raises(CannotRead):
            require_folder(tmp_path / name)


def test_a_file_beyond_its_bound_is_not_read(tmp_path):
    (tmp_path / "file").write_bytes(bytes(11))
    assert read_bytes(tmp_path / "file", most=11) == bytes(11)
    with pytest.raises(CannotRead, match="11 bytes, and at most 10"):
        read_bytes(tmp_path / "file", most=10)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"NaN", "NaN is no number"),
        (b'{"a": -Infinity}', "-Infinity is no number"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"", "is no JSON"),
        (b"\xff", "byte 0 is wrong"),
        (b"9" * 5000, "is no JSON"),
    ],
)
def test_what_is_no_json_is_refused(tmp_path, content, reason):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(CannotRead, match=re.escape(reason)):
        read_json(tmp_path / "file")


def test_nesting_is_refused_where_a_library_has_raised_the_recursion_limit(tmp_path):
    (tmp_path / "file").write_bytes(b"[" * 100_000)
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10**6)  # as Jittor does
    try:
        with pytest.raises(CannotRead, match="nested too deeply"):
            read_json(tmp_path / "file")
        assert sys.getrecursionlimit() == 10**6
    finally:
        sys.setrecursionlimit(before)


def test_a_path_is_shown_on_one_short_line():
    assert show("a/b") == "a/b"
    assert show("a\nb") == "a\\nb"
    assert show(os.fsdecode(b"\xff")) == "\\udcff"
    assert len(show("n" * 5000)) <= 121


def test_the_digest_of_the_first_bytes_is_that_of_a_file_with_no_others(tmp_path):
    (tmp_path / "long").write_bytes(b"ab" * 2**20)
    (tmp_path / "short").write_bytes(b"ab" * 700_000)
    with (tmp_path / "long").open("rb") as file:
        assert sha256_of(file, 1_400_000) == sha256(tmp_path / "short")
        assert sha256_of(file) == sha256(tmp_path / "long")
        assert sha256_of(file, 0) == hashlib.sha256().hexdigest()
