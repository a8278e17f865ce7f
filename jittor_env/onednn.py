"""oneDNN for Jittor from two PyPI packages, so that nothing is downloaded at import."""

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

VERSION = "2021.2.0"  # of the packages; it is oneDNN 2.2, the one that Jittor 1.3 was written for
LIBRARIES = "onednn-cpu-gomp"
HEADERS = "onednn-devel-cpu-gomp"


def require_packages() -> None:
    """Check that both packages are here in the version that Jittor was written for.

    Raises:
        JittorEnvError: one is missing or of another version.
    """
    for package in (LIBRARIES, HEADERS):
        found = installed_version(package)
        if found != VERSION:
            raise JittorEnvError(
                f"Jittor needs {package} {VERSION}, found {found or 'none'}",
                remedy=f"pip install {LIBRARIES}=={VERSION} {HEADERS}=={VERSION}",
            )


def installed_version(package: str) -> str | None:
    """The installed version of a distribution, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def target() -> Path:
    """Where Jittor looks before it downloads (source: `jittor.compile_extern.install_mkl`)."""
    suffix = "" if platform.machine() == "x86_64" else f"_{platform.machine()}"
    return cache.root() / "mkl" / f"dnnl_lnx_2.2.0_cpu_gomp{suffix}"


def is_linked() -> bool:
    """Whether the cache already offers a library and headers that can be read."""
    folder = target()
    return (folder / "lib" / "libmkldnn.so").is_file() and (
        folder / "include" / "mkldnn.hpp"
    ).is_file()


def link() -> None:
    """Link the packages' libraries and headers into the cache, all or nothing.

    Each file is linked by itself: a whole `lib` of a conda environment on the linker's path would
    bring its libstdc++ along.

    Raises:
        JittorEnvError: a package is missing or of another version.
    """
    if is_linked():
        return
    require_packages()
    folder = target()
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Jittor takes any folder that starts with "dnnl": the name under construction must not.
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".making-"))
    made = scratch / "made"
    try:
        _link_files(LIBRARIES, "lib", made)
        _link_files(HEADERS, "include", made)
        _move_into_place(made, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _link_files(package: str, kind: str, made: Path) -> None:
    for file in metadata.distribution(package).files or ():
        parts = file.parts
        is_library = kind == "lib" and file.name.startswith(("libdnnl.so", "libmkldnn.so"))
        is_header = kind == "include" and "include" in parts and file.suffix in (".h", ".hpp")
        if not (is_library or is_header):
            continue
        inside = Path(file.name) if is_library else Path(*parts[parts.index("include") + 1 :])
        place = made / kind / inside
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(Path(str(file.locate())).resolve())


def _move_into_place(made: Path, folder: Path) -> None:
    if is_linked():
        return
    if folder.exists() or folder.is_symlink():
        stale = made.parent / "stale"  # links into an environment that is gone; goes with the rest
        with contextlib.suppress(OSError):
            os.rename(folder, stale)
    try:
        os.rename(made, folder)
    except OSError:
        if not is_linked():  # otherwise another process was faster, with the same links
            raise
