"""Links to the two packages, complete or none."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from jittor_env import JittorEnvError, onednn


def test_links_libraries_and_headers_and_nothing_else(empty_home):
    onednn.link()
    assert onednn.is_linked()
    libraries = {path.name.split(".")[0] for path in (onednn.target() / "lib").iterdir()}
    assert libraries == {"libdnnl", "libmkldnn"}
    assert (onednn.target() / "include" / "oneapi" / "dnnl" / "dnnl.h").is_file()


def test_links_of_a_deleted_environment_are_replaced(empty_home):
    onednn.link()
    library = onednn.target() / "lib" / "libmkldnn.so"
    library.unlink()
    library.symlink_to(empty_home / "gone")
    assert not onednn.is_linked()
    onednn.link()
    assert onednn.is_linked()


def test_many_at_once(empty_home):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: onednn.link(), range(8)))
    assert onednn.is_linked()
    assert [path.name for path in onednn.target().parent.iterdir()] == [onednn.target().name]


def test_another_version_is_refused(monkeypatch):
    monkeypatch.setattr(onednn, "installed_version", lambda _: "2024.0")
    with pytest.raises(JittorEnvError, match=r"needs onednn-cpu-gomp 2021\.2\.0, found 2024\.0;"):
        onednn.require_packages()
