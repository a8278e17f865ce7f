"""The file of a record: readable by the library safetensors, and refused when it is damaged."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from parity.errors import CannotCompare
from parity.recording.files.tensor_archive import ArchiveReader, Source, writing

DTYPES = ["float64", "float32", "float16", "int64", "int32", "int8", "uint8", "bool"]


def arrays() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    found = {name: (generator.standard_normal((3, 4)) * 50).astype(name) for name in DTYPES}
    return {**found, "empty": np.empty((0, 2)), "number": np.float64(3.5) * np.ones(())}


def seal(path: Path) -> Path:
    """Give a zip file the digest that says nobody has changed it."""
    with zipfile.ZipFile(path, "a") as file:
        file.comment = bytes(64)
    content = path.read_bytes()[:-64]
    path.write_bytes(content + hashlib.sha256(content).hexdigest().encode())
    return path


def written(path: Path) -> Path:
    with writing(path) as archive:
        archive.add_json("facts.json", {"pi": 3.14})
        archive.add_tensors("a.safetensors", {n: Source.of(a) for n, a in arrays().items()})
        numbers = np.array([[1 + 2j, 3 - 4j]])
        archive.add_tensors("c.safetensors", {"c": Source.of(numbers)})
    return path


def test_tensors_come_back_as_they_were(tmp_path: Path) -> None:
    reader = ArchiveReader(written(tmp_path / "x"))
    assert reader.json("facts.json") == {"pi": 3.14}
    assert reader.keys("a.safetensors") == list(arrays())
    for name, array in arrays().items():
        read = reader.tensor("a.safetensors", name)
        assert (read.dtype, read.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(read, array)
        assert not read.flags.writeable
    complex_numbers = reader.tensor("c.safetensors", "c", "complex128")
    np.testing.assert_array_equal(complex_numbers, [[1 + 2j, 3 - 4j]])


def test_the_library_safetensors_reads_a_member(tmp_path: Path) -> None:
    content = zipfile.ZipFile(written(tmp_path / "x")).read("a.safetensors")
    read = load(content)
    assert read.keys() == arrays().keys()
    for name, array in arrays().items():
        np.testing.assert_array_equal(read[name], array)


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, -1])
def test_a_file_that_is_cut_is_refused(kept: float, tmp_path: Path) -> None:
    content = written(tmp_path / "x").read_bytes()
    size = int(len(content) * kept) if isinstance(kept, float) else kept
    (tmp_path / "cut").write_bytes(content[:size])
    with pytest.raises(CannotCompare, match=r"cut is no complete record \(.*make it again"):
        ArchiveReader(tmp_path / "cut")


def test_any_changed_byte_is_refused(tmp_path: Path) -> None:
    content = written(tmp_path / "x").read_bytes()
    for offset in range(0, len(content), 7):
        changed = bytearray(content)
        changed[offset] ^= 1
        (tmp_path / "changed").write_bytes(changed)
        with pytest.raises(CannotCompare, match="no complete record"):
            ArchiveReader(tmp_path / "changed")


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no record")
    with pytest.raises(CannotCompare, match="no complete record"):
        ArchiveReader(tmp_path / "text")
    for wrong, words in ((tmp_path, "is a folder"), (tmp_path / "gone", "does not exist")):
        with pytest.raises(CannotCompare, match=words):
            ArchiveReader(wrong)


def test_a_compressed_member_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    """Zeros of a gigabyte take a megabyte in a zip file."""
    with zipfile.ZipFile(tmp_path / "bomb", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.safetensors", bytes(1 << 24))
    seal(tmp_path / "bomb")
    with pytest.raises(CannotCompare, match="not stored as parity record does"):
        ArchiveReader(tmp_path / "bomb")


@pytest.mark.parametrize(
    "header",
    [b"[]", b"{", b'{"a": {}}', b'{"a": {"dtype": "F64", "shape": [9], "data_offsets": [0, 8]}}'],
)
def test_a_header_that_lies_is_refused(header: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x", "w") as file:
        file.writestr("a.safetensors", len(header).to_bytes(8, "little") + header + bytes(8))
    seal(tmp_path / "x")
    with pytest.raises(CannotCompare, match="no complete record"):
        ArchiveReader(tmp_path / "x").tensor("a.safetensors", "a")


def test_what_fails_while_it_is_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"), writing(tmp_path / "x") as archive:
        archive.add_json("a.json", float("nan"))
    assert list(tmp_path.iterdir()) == []
