"""The header of an array is checked before it is read, and other members stay unread."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from ddpm.data import npz
from ddpm.data.npz import Npz, read_arrays
from safe_files.reading import CannotRead

ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(["x", "yz"])}


def archive(path, method=zipfile.ZIP_STORED, **members):
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def header(shape, dtype="<f4"):
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_saved_is_read(tmp_path, save):
    save(tmp_path / "set.npz", **ARRAYS)
    read = read_arrays(tmp_path / "set.npz")
    assert read.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert np.array_equal(read[name], array)
        assert read[name].dtype == array.dtype


def test_a_header_tells_without_reading(tmp_path):
    np.savez(tmp_path / "set.npz", **ARRAYS)
    with Npz(tmp_path / "set.npz") as file:
        assert file.declared("a") == npz.Declared((2, 3), np.dtype(np.float32))
        assert file.declared("a").size == 24


def test_other_members_may_hold_anything(tmp_path):
    path = archive(tmp_path / "set.npz", a=header((1,)) + bytes(4), more=b"\x80\x04.")
    assert read_arrays(path, ["a"])["a"] == 0
    with pytest.raises(CannotRead, match="damaged"):
        read_arrays(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (header((2,)) + bytes(4), "has 4 bytes, and its header says 8"),
        (header((1,)) + bytes(8), "has 8 bytes, and its header says 4"),
        (header((2**62, 2**62)) + bytes(4), "its header says"),
        (header((-1,)) + bytes(4), "shape"),
        (header((1,), "|O") + bytes(8), "a pickle, which is never loaded"),
        (header((1,))[:20], "damaged"),
        (b"", "damaged"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path, content, reason):
    with pytest.raises(CannotRead, match=reason):
        read_arrays(archive(tmp_path / "set.npz", a=content), ["a"])


def test_an_archive_that_opens_to_far_more_than_its_size_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "_ALWAYS_FITS", 1 << 16)
    members = {name: header((1 << 14,)) + bytes(1 << 16) for name in ("a", "b")}
    path = archive(tmp_path / "set.npz", zipfile.ZIP_DEFLATED, **members)
    assert read_arrays(path, ["a"])["a"].shape == (1 << 14,)
    with pytest.raises(CannotRead, match="opens to"):
        read_arrays(path)
    path = archive(tmp_path / "set.npz", **members)  # the same, not compressed
    assert len(read_arrays(path)) == 2


def test_a_changed_byte_is_noticed(tmp_path):
    np.savez(tmp_path / "set.npz", a=np.zeros(1000, np.float32))
    content = bytearray((tmp_path / "set.npz").read_bytes())
    content[2000] ^= 1
    (tmp_path / "set.npz").write_bytes(content)
    with pytest.raises(CannotRead, match="CRC"):
        read_arrays(tmp_path / "set.npz")
