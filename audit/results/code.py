"""The version of the code that makes an audit's records, which does not depend on git."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

# Whatever a case can run.
PACKAGES = (
    *("audit", "ddpm", "ddpm_study", "impl_jittor", "impl_torch", "implementations"),
    *("jittor_env", "parity", "safe_files"),
)
DISTRIBUTIONS = ("jittor", "numpy", "torch", "scipy", "hypothesis")


def digest() -> str:
    """Return a hash of all files of the packages, and of the versions of what they build on."""
    found = hashlib.sha256(platform.python_version().encode())
    for name in DISTRIBUTIONS:
        found.update(f" {name} {_version(name)}".encode())
    for package in PACKAGES:
        for folder in _folders(package):
            for path in sorted(folder.rglob("*")):
                if path.is_file() and path.suffix != ".pyc" and path.name[0] != ".":
                    content = hashlib.sha256(path.read_bytes()).hexdigest()
                    found.update(f" {package}/{path.relative_to(folder)} {content}".encode())
    return found.hexdigest()


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "none"


def _folders(package: str) -> list[Path]:
    spec = find_spec(package)
    return [] if spec is None else [Path(p) for p in spec.submodule_search_locations or ()]
