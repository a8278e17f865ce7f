"""Jittor's cache folder: its path, its free space, and files written into it atomically."""

from __future__ import annotations

import fnmatch
import glob
import hashlib
import importlib.util
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

# Of the folder of this package inside a cache of Jittor's.
INSIDE = "jittor-env"

# Jittor's environment variable for the last folder of its cache's path.
CACHE_NAME = "cache_name"
# Programs that do not use this package set other flags: in a shared cache, each would rebuild the
# other's core.
_NAME = "jittor_env-{place}-{compiler}"


def home() -> Path:
    """Return the folder that Jittor calls JITTOR_HOME, by Jittor's own rules.

    The environment variable comes first, then the entry in `~/.cache/jittor/config.json`, then the
    user's home (source: `jittor_utils.home`).
    """
    if from_environment := os.environ.get("JITTOR_HOME"):
        return Path(from_environment).absolute()
    settings = Path.home() / ".cache" / "jittor" / "config.json"
    try:
        return Path(json.loads(settings.read_text())["JITTOR_HOME"]).absolute()
    except (OSError, ValueError, KeyError, TypeError):
        return Path.home()


def root() -> Path:
    """Return `.cache/jittor` under `home()`, below which everything that Jittor compiles is."""
    return home() / ".cache" / "jittor"


def name(compiler: str) -> str:
    """Return the name, in `cache_name`, of the cache below `root()` that this package uses.

    The command by which Jittor compiled a file is a part of that file's key, and names this folder
    and the compiler. In a cache that was copied or moved, or after an upgrade of the compiler's
    stand-in, Jittor would compile its utilities again and then end the process (source:
    `jittor.compiler.check_cache_compile`). A name that holds both starts a new cache instead.

    Args:
        compiler: what `cc_path` names.
    """
    return _name_here(_md5(compiler)[:8])


def _name_here(compiler: str) -> str:
    return _NAME.format(place=_md5(str(root()))[:8], compiler=compiler)


def is_own_name(cache_name: str) -> bool:
    """Tell whether `name` made it, here or in a parent process with another cache folder."""
    return fnmatch.fnmatchcase(cache_name, _NAME.format(place="?" * 8, compiler="?" * 8))


def own_folder() -> Path:
    """Return the part of the cache that belongs to this package."""
    return root() / "jittor_env"


def inside(cache_path: str) -> Path:
    """Return the folder of this package inside one cache of Jittor's.

    That cache is on `sys.path`, so the name must be none that can be imported: an editable install
    would find a folder called like this package before the package itself.

    Args:
        cache_path: `jittor.flags.cache_path`.
    """
    # Versions before 0.2 made a folder of the package's own name.
    shutil.rmtree(Path(cache_path) / "jittor_env", ignore_errors=True)
    return Path(cache_path) / INSIDE


def free_mb(folder: Path) -> float:
    """Return the megabytes free on the disk of `folder`, which need not exist yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free / 2**20


def require_writable() -> None:
    """Make the cache folder and check that it can be written.

    Raises:
        JittorEnvError: it cannot be made or written, or the disk is almost full.
    """
    folder = root()
    alternative = "or set JITTOR_HOME to a folder that you can write"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        raise JittorEnvError(
            f"Jittor's cache folder {folder} cannot be written ({error.strerror})",
            remedy=f"make it writable {alternative}",
        ) from error
    if (free := free_mb(folder)) < SPACE_NEEDED_MB and not compiled_cores():
        raise JittorEnvError(
            f"Jittor's cache folder {folder} is full "
            f"({free:.0f} MB free, {SPACE_NEEDED_MB} needed)",
            remedy=f"free some space {alternative}",
        )


def compiled_cores(*, of_any_host: bool = False) -> list[Path]:
    """Return the compiled Jittor cores in the cache, of any compiler.

    Args:
        of_any_host: include those that this Python on this host would not use, and those of a
            folder that was copied to this place.
    """
    host = "*/*/*" if of_any_host else "/".join(map(glob.escape, _host_folders()))
    python = "*" if of_any_host else f"py{platform.python_version()}"
    named = os.environ.get(CACHE_NAME, "")
    if of_any_host:
        named = "*"
    elif not named or is_own_name(named):
        named = _name_here("*")
    # version / compiler / Python / system / processor / installation / cache_name
    return sorted(root().glob(f"jt*/*/{python}/{host}/{named}/jittor_core*.so"))


def _host_folders() -> tuple[str, str, str]:
    """Return Jittor's folders for system, processor and installation.

    Source: `jittor_utils.find_cache_path`, whose import would start Jittor's compilers.
    """
    system = platform.platform() + platform.node()
    if len(system) > 14:
        system = f"{system[:14]}x{_md5(system)[:2]}"
    spec = importlib.util.find_spec("jittor_utils")
    installation = _md5(str(spec.origin))[:4] if spec else ""
    return _shortened(system), _shortened(_processor()), installation


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line for line in lines if line.startswith("model name"))
    return next((line.split(":")[-1].strip() for line in names), platform.processor())


def _shortened(text: str) -> str:
    kept = "".join(c for c in text if c.isidentifier() or c.isnumeric() or c in ".-+")
    return f"{kept[:14]}x{_md5(kept)[:2]}" if len(kept) > 14 else kept


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def write_atomically(path: Path, text: str, *, executable: bool = False) -> None:
    """Write `text` to `path` so that another process sees the complete file or none.

    A file that already holds this text keeps its time stamp, which may be part of a cache key.
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
    """Tell whether a script in the cache can be started; `noexec` mounts forbid it."""
    try:
        return subprocess.run([script, "--version"], capture_output=True).returncode == 0
    except OSError:
        return False
