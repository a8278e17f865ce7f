"""Where Jittor's cache lies, whether it can be written, and how files get into it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from jittor_env.errors import JittorEnvError

# A compiled core takes 110 MB, each of two precompiled headers 70 MB, kernels a few MB a model.
SPACE_NEEDED_MB = 400


def home() -> Path:
    """The folder that Jittor calls JITTOR_HOME, found by its own rules.

    The environment variable comes first, then what `~/.cache/jittor/config.json` remembers, then
    the user's home (source: `jittor_utils.home`).
    """
    if chosen := os.environ.get("JITTOR_HOME"):
        return Path(chosen).absolute()
    remembered = Path.home() / ".cache" / "jittor" / "config.json"
    try:
        return Path(json.loads(remembered.read_text())["JITTOR_HOME"]).absolute()
    except (OSError, ValueError, KeyError, TypeError):
        return Path.home()


def root() -> Path:
    """`.cache/jittor` under `home()`: everything that Jittor compiles lies below."""
    return home() / ".cache" / "jittor"


def own_folder() -> Path:
    """The part of the cache that belongs to this package."""
    return root() / "jittor_env"


def free_mb(folder: Path) -> float:
    """Megabytes free where `folder` is, or will be once it is made."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free / 2**20


def require_writable() -> None:
    """Make the cache folder and write to it.

    Raises:
        JittorEnvError: it cannot be made or written, or the disk is almost full.
    """
    folder = root()
    choose = "or set JITTOR_HOME to a folder that you can write"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x")
    except OSError as error:
        raise JittorEnvError(
            f"Jittor's cache folder {folder} cannot be written ({error.strerror})",
            remedy=f"make it writable {choose}",
        ) from error
    if (free := free_mb(folder)) < SPACE_NEEDED_MB and not compiled_cores():
        raise JittorEnvError(
            f"Jittor's cache folder {folder} is full "
            f"({free:.0f} MB free, {SPACE_NEEDED_MB} needed)",
            remedy=f"free some space {choose}",
        )


def compiled_cores() -> list[Path]:
    """Compiled Jittor cores of this Python in the cache, of whatever compiler and machine."""
    # version / compiler / Python / system / processor / installation / cache_name
    pattern = f"jt*/*/py{platform.python_version()}/*/*/*/*/jittor_core*.so"
    return sorted(root().glob(pattern))


def write_atomically(path: Path, text: str, *, executable: bool = False) -> None:
    """Write `text` to `path` so that another process sees all of it or nothing.

    A file that already holds this text is left alone: its time stamp may be part of a cache key.
    """
    mode = 0o755 if executable else 0o644
    if path.is_file() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def allows_execution(script: Path) -> bool:
    """Whether a script in the cache can be started; `noexec` mounts forbid it."""
    try:
        return subprocess.run([script, "--version"], capture_output=True).returncode == 0
    except OSError:
        return False
