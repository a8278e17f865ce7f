"""Downloads, against a stand-in for the network."""

import hashlib
import io
from urllib.error import URLError

import pytest

from ddpm.data import downloads

CONTENT = b"the official bytes"


class Response(io.BytesIO):
    headers = {"Content-Length": str(len(CONTENT))}  # noqa: RUF012


@pytest.fixture
def served(monkeypatch):
    """Serve CONTENT from every address; return the addresses asked for."""
    asked = []
    digest = hashlib.sha256(CONTENT).hexdigest()
    sets = {"one": (("https://x/a.gz", digest),), "two": (("https://x/a", digest),) * 2}
    monkeypatch.setattr(downloads, "ARCHIVES", sets)

    def urlopen(url, timeout):
        asked.append(url)
        return Response(CONTENT)

    monkeypatch.setattr(downloads, "urlopen", urlopen)
    return asked


def test_an_archive_is_fetched_once(tmp_path, served):
    for _ in range(2):
        path = downloads.fetch("one", tmp_path, progress=False)
        assert path == tmp_path / "a.gz"
        assert path.read_bytes() == CONTENT
    assert served == ["https://x/a.gz"]


def test_a_damaged_copy_is_fetched_again(tmp_path, served):
    (tmp_path / "a.gz").write_bytes(CONTENT[:-1])
    assert downloads.fetch("one", tmp_path, progress=False).read_bytes() == CONTENT


def test_several_archives_are_read_from_their_folder(tmp_path, served):
    assert downloads.fetch("two", tmp_path, progress=False) == tmp_path


def test_other_bytes_are_refused_and_not_kept(tmp_path, served, refuses, listing, monkeypatch):
    monkeypatch.setattr(downloads, "urlopen", lambda url, timeout: Response(b"forged"))
    with refuses("https://x/a.gz", hashlib.sha256(b"forged").hexdigest(), "official"):
        downloads.fetch("one", tmp_path, progress=False)
    assert listing(tmp_path) == set()


def test_no_network_is_one_line(tmp_path, served, refuses, listing, monkeypatch):
    def urlopen(url, timeout):
        raise URLError("no route")

    monkeypatch.setattr(downloads, "urlopen", urlopen)
    with refuses("https://x/a.gz", "no route", "--source"):
        downloads.fetch("one", tmp_path, progress=False)
    assert listing(tmp_path) == set()


def test_every_archive_has_a_digest_and_a_safe_address():
    for archives in downloads.ARCHIVES.values():
        for url, digest in archives:
            assert url.startswith("https://")
            assert len(bytes.fromhex(digest)) == 32
