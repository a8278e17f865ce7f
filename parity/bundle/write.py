"""Writes the harness as one file that Python runs: `python parity.pyz record …`."""

from __future__ import annotations

import sys
import zipfile
from contextlib import suppress
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from parity.bundle.older_syntax import HELPERS, for_python_38
from parity.errors import CannotCompare
from safe_files import replacing

DISTRIBUTION = "ddpm-parity"
# `jittor_env` starts Jittor; it is not needed where PyTorch alone is.
PACKAGES = ("parity", "safe_files", "jittor_env")
# Files that are no Python, which pages are made of.
TEMPLATES = (".html", ".css", ".js")
_DATE = (1980, 1, 1, 0, 0, 0)  # equal packages are equal files
# Of the package, what needs both frameworks or pytest, or writes this file.
LEFT_OUT = ("parity/atlas/", "parity/bundle/", "parity/plugin.py", "parity/test_parity.py")


def write_bundle(path: Path) -> None:
    """Write a program for Python 3.8 or later that needs NumPy alone.

    It is the package, with the syntax that Python 3.8 lacks rewritten; nothing else is changed. As
    an entry of `sys.path` it can be imported as well.

    Raises:
        CannotCompare: the package's source is not there, or cannot be rewritten.
        CannotWrite: the file cannot be written.
    """
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, text in sorted(_files().items()):
            archive.writestr(zipfile.ZipInfo(name, _DATE), text, zipfile.ZIP_DEFLATED)


def _files() -> dict[str, str]:
    """Return the text of each file of the bundle, by its path."""
    here = Path(__file__).parent
    files = {f"{HELPERS}.py": (here / f"{HELPERS}.py").read_text()}
    for package in PACKAGES:
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise CannotCompare(f"{package} has no source here, and a bundle is made of it")
        root = Path(spec.submodule_search_locations[0])
        for file in root.rglob("*.*"):
            name = f"{package}/{file.relative_to(root).as_posix()}"
            if file.suffix == ".py" and not name.startswith(LEFT_OUT):
                files[name] = _rewritten(name, file.read_text())
            elif file.suffix in TEMPLATES:
                files[name] = file.read_text(encoding="utf-8")
    with suppress(metadata.PackageNotFoundError):
        version = metadata.version(DISTRIBUTION)
        text = f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: {version}\n"
        files[f"ddpm_parity-{version}.dist-info/METADATA"] = text
    files["__main__.py"] = files["parity/__main__.py"]
    return files


def _rewritten(name: str, text: str) -> str:
    try:
        return for_python_38(text)
    except ValueError as error:
        raise CannotCompare(
            f"{name}: {error} (Python {sys.version_info.major}.{sys.version_info.minor})"
        ) from None
