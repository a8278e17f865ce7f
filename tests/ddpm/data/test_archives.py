"""Archives are read in memory, and damage is named."""

import gzip
import io
import re
import tarfile

import pytest

from ddpm.data import archives

ANY = re.compile(r".*\.bin(\.gz)?")


def make_tar(path, files, mode="w:gz"):
    with tarfile.open(path, mode) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def test_gzip_is_told_by_content_not_by_name(tmp_path):
    (tmp_path / "packed").write_bytes(gzip.compress(b"inside"))
    (tmp_path / "plain.gz").write_bytes(b"as it is")
    assert archives.read_file(tmp_path / "packed") == b"inside"
    assert archives.read_file(tmp_path / "plain.gz") == b"as it is"


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b[:12] + b"\xff" * 9 + b[21:]])
def test_damaged_gzip_is_refused(tmp_path, refuses, damage):
    path = tmp_path / "x.gz"
    path.write_bytes(damage(gzip.compress(bytes(range(256)) * 9)))
    with refuses(path, "is damaged"):
        archives.read_file(path)


def test_a_missing_file_is_refused(tmp_path, refuses):
    with refuses(tmp_path / "none", "does not exist", "give a file that exists"):
        archives.read_file(tmp_path / "none")


def test_folder_and_tar_give_the_same_members(tmp_path):
    files = {"a/one.bin": b"1", "two.bin": b"22", "three.txt": b"333"}
    folder = tmp_path / "folder"
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    tar = make_tar(tmp_path / "files.tar.gz", files)
    for source in (folder, tar):
        found = archives.members(source, ANY)
        assert {name: file.content for name, file in found.items()} == {
            "one.bin": b"1",
            "two.bin": b"22",
        }


def test_a_hostile_tar_writes_nothing_and_links_are_passed_over(tmp_path, listing):
    tar = tmp_path / "hostile.tar"
    with tarfile.open(tar, "w") as archive:
        entry = tarfile.TarInfo("../../escaped.bin")
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"evil"))
        link = tarfile.TarInfo("passwd.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    found = archives.members(tar, ANY)
    assert {name: file.content for name, file in found.items()} == {"escaped.bin": b"evil"}
    assert listing(tmp_path) == {"hostile.tar"}


def test_a_truncated_tar_is_refused(tmp_path, refuses):
    tar = make_tar(tmp_path / "x.tar.gz", {"one.bin": bytes(range(256)) * 400})
    tar.write_bytes(tar.read_bytes()[:-40])
    with refuses(tar, "download it again"):
        archives.members(tar, ANY)


def test_no_archive_at_all_is_refused(tmp_path, refuses):
    assert not archives.is_tar(tmp_path / "missing.tar")
    with refuses(tmp_path / "missing.tar", "does not exist"):
        archives.members(tmp_path / "missing.tar", ANY)


def test_a_folder_is_searched_as_deep_as_archives_unpack(tmp_path):
    for place in ("a", "a/b", "a/b/c"):
        (tmp_path / place).mkdir()
        (tmp_path / place / f"{place[-1]}.bin").write_bytes(b"x")
    assert set(archives.members(tmp_path, ANY)) == {"a.bin", "b.bin"}
