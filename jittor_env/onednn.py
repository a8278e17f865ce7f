"""oneDNN for Jittor from two PyPI packages, so that Jittor downloads nothing at import."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import tempfile
from importlib import metadata
from pathlib import Path

from jittor_env import cache
from jittor_env.errors import JittorEnvError

VERSION = "2021.2.0"  # of the packages; they hold oneDNN 2.2, for which Jittor 1.3 was written
LIBRARIES = "onednn-cpu-gomp"
HEADERS = "onednn-devel-cpu-gomp"


def require_packages() -> None:
    """Check that both packages are installed in the version that Jittor was written for.

    Raises:
        JittorEnvError: one is missing or of another version.
    """
    for package in (LIBRARIES, HEADERS):
        version = installed_version(package)
        if version != VERSION:
            raise JittorEnvError(
                f"Jittor needs {package} {VERSION}, found {version or 'none'}",
                remedy=f"pip install {LIBRARIES}=={VERSION} {HEADERS}=={VERSION}",
            )


def installed_version(package: str) -> str | None:
    """Return the installed version of a distribution, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def target() -> Path:
    """Return the folder that Jittor takes oneDNN from, if it exists, instead of downloading it.

    Source: `jittor.compile_extern.install_mkl`.
    """
    suffix = "" if platform.machine() == "x86_64" else f"_{platform.machine()}"
    return cache.root() / "mkl" / f"dnnl_lnx_2.2.0_cpu_gomp{suffix}"


def is_linked() -> bool:
    """Tell whether the cache holds a library and headers that can be read."""
    folder = target()
    return (folder / "lib" / "libmkldnn.so").is_file() and (
        folder / "include" / "mkldnn.hpp"
    ).is_file()


def link() -> None:
    """Link the packages' libraries and headers into the cache, completely or not at all.

    Each file gets a link of its own: the `lib` folder of a conda environment on the linker's path
    would also offer its libstdc++.

    Raises:
        JittorEnvError: a package is missing or of another version.
    """
    if is_linked():
        return
    require_packages()
    folder = target()
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Jittor takes any folder whose name starts with "dnnl", so the unfinished one has another name.
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".making-"))
    links = scratch / "links"
    try:
        _link_files(LIBRARIES, "lib", links)
        _link_files(HEADERS, "include", links)
        _install(links, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _link_files(package: str, kind: str, folder: Path) -> None:
    for file in metadata.distribution(package).files or ():
        parts = file.parts
        is_library = kind == "lib" and file.name.startswith(("libdnnl.so", "libmkldnn.so"))
        is_header = kind == "include" and "include" in parts and file.suffix in (".h", ".hpp")
        if not (is_library or is_header):
            continue
        inside = Path(file.name) if is_library else Path(*parts[parts.index("include") + 1 :])
        link_path = folder / kind / inside
        link_path.parent.mkdir(parents=True, exist_ok=True)
        link_path.symlink_to(Path(str(file.locate())).resolve())


def _install(links: Path, folder: Path) -> None:
    if is_linked():
        return
    if folder.exists() or folder.is_symlink():
        # It holds links into a deleted environment; link() deletes it with the scratch folder.
        stale = links.parent / "stale"
        with contextlib.suppress(OSError):
            os.rename(folder, stale)
    try:
        os.rename(links, folder)
    except OSError:
        if not is_linked():  # otherwise another process made the same links in the meantime
            raise
