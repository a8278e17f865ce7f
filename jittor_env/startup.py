"""The three steps in their order: prepare the environment, import Jittor, settle its flags."""

from __future__ import annotations

import importlib
import os
import ssl
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from jittor_env import (
    cache,
    compiler,
    core_compiler,
    float_flags,
    locks,
    onednn,
    progress,
    python_headers,
    signals,
    stderr_filter,
)
from jittor_env.cuda import choose_cuda, is_wanted
from jittor_env.errors import JittorEnvError
from jittor_env.requirements import (
    is_in_mpi,
    require_jittor,
    require_mpi,
    require_numpy,
    require_python,
)

# Jittor prepares the kernels of a graph in 16 threads, which share what they write to. Where all
# are compiled already, and none has to wait for a compiler, about one process in a hundred died of
# a segmentation fault. Without them a new training graph takes twice as long to compile, once.
_PARALLEL = "use_parallel_op_compiler"


def prepare(*, cuda: bool = False) -> None:
    """Set the environment for `import jittor`; call it before. Calling again changes nothing.

    Args:
        cuda: let Jittor look for a GPU; the environment variable `JITTOR_CUDA=1` says the same.

    Raises:
        JittorEnvError: something is missing; its text says what, and how to mend it.
    """
    if "jittor" in sys.modules:
        return
    require_python()
    require_numpy()
    require_jittor()
    require_mpi()
    found = compiler.require_compiler()
    python_headers.require_headers()
    cache.require_writable()
    onednn.link()
    python_headers.point_jittor_at_headers()
    core_compiler.point_jittor_at_stand_in(found)
    choose_cuda(is_wanted(cuda))
    _set_environment()


def _set_environment() -> None:
    # Asked for before anything else so that child processes use the same cache.
    os.environ["JITTOR_HOME"] = str(cache.home())
    os.environ.setdefault("log_silent", "1")
    # Jittor would name the cache after the git branch of the folder that it is installed in. In a
    # cache shared with programs that do without this package, each would undo the other's core.
    os.environ.setdefault("cache_name", "jittor_env")
    # An mpicc that happens to be on the PATH is compiled against, wanted or not.
    if not is_in_mpi():
        os.environ.setdefault("use_mpi", "0")


def settle() -> None:
    """Decide Jittor's flags once: safe arithmetic, cheap kernels. After the import, before use.

    The flags are part of the name of every cached kernel: processes that settle share theirs.

    Raises:
        JittorEnvError: Jittor has not been imported.
    """
    jt = sys.modules.get("jittor")
    if jt is None:
        raise JittorEnvError("jittor is not imported", remedy="call jittor_env.load() instead")
    if getattr(jt, "_settled_by_jittor_env", False):
        return
    jt.flags.cc_flags = float_flags.configured(jt.flags.cc_flags)
    if float_flags.kernels_loaded():
        warnings.warn(
            "jittor ran before jittor_env settled it: denormals may be flushed to zero in this "
            "process; call jittor_env.load() before the first operation",
            RuntimeWarning,
            stacklevel=2,
        )
    compiler.cheapen(jt)
    if _PARALLEL not in os.environ:
        setattr(jt.flags, _PARALLEL, 0)
    stderr_filter.silence_progress(jt)
    signals.give_back()
    if is_wanted(False) and jt.has_cuda:
        jt.flags.use_cuda = 1
    setattr(jt, "_settled_by_jittor_env", True)  # noqa: B010 - not an attribute that mypy knows


def load(*, cuda: bool = False) -> Any:
    """Prepare, import and settle Jittor. Cheap when called again.

    Args:
        cuda: let Jittor look for a GPU; the environment variable `JITTOR_CUDA=1` says the same.

    Returns:
        The module `jittor`, also if somebody else has imported it before.

    Raises:
        JittorEnvError: something is missing, or Jittor's own import failed.
    """
    if "jittor" not in sys.modules:
        prepare(cuda=cuda)
        with locks.starting(together=is_in_mpi()):
            _import()
    jt = sys.modules["jittor"]
    if is_wanted(cuda) and not jt.has_cuda:
        raise JittorEnvError(
            "a GPU was asked for, but Jittor was started without CUDA in this process",
            remedy="ask for it in the first call of jittor_env.load, with nvcc on the PATH",
        )
    settle()
    return jt


def _import() -> ModuleType:
    locks.clear_abandoned()
    try:
        with _unchanged_process():
            utils: Any = importlib.import_module("jittor_utils")
            signals.shield_workers(utils)
            folder = Path(utils.cache_path)
            if any(folder.rglob("jittor_core*.so")):
                return importlib.import_module("jittor")
            total = progress.expected_files(Path(utils.__file__).parent.parent / "jittor" / "src")
            with progress.first_compile(folder, total):
                return importlib.import_module("jittor")
    except JittorEnvError:
        raise
    except SystemExit as error:
        # Where its oldest part was out of date, Jittor compiles that and ends the process with
        # status 0, as if the program had done its work.
        raise JittorEnvError(
            f"Jittor rebuilt a part of itself in {cache.root()}, whose files were made in another"
            " place or by another compiler, and cannot go on in this process",
            remedy="type the same command again",
        ) from error
    except Exception as error:
        raise _explained(error) from error


@contextmanager
def _unchanged_process() -> Iterator[None]:
    """Undo what Jittor's import does to the process beyond its job.

    It turns off the verification of TLS certificates for everyone, and writes JITTOR_HOME into
    `~/.cache/jittor/config.json`, where it becomes the default of every later program; with HOME
    the same as JITTOR_HOME there is nothing to write.
    """
    certificates = ssl._create_default_https_context
    home = os.environ.get("HOME")
    os.environ["HOME"] = os.environ["JITTOR_HOME"]
    try:
        yield
    finally:
        ssl._create_default_https_context = certificates
        if home is None:
            del os.environ["HOME"]
        else:
            os.environ["HOME"] = home


def _explained(error: Exception) -> JittorEnvError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    free = cache.free_mb(cache.root())
    if free < cache.SPACE_NEEDED_MB / 10:
        return JittorEnvError(
            f"Jittor's cache folder {cache.root()} is full ({free:.0f} MB free)",
            remedy="free some space or set JITTOR_HOME to another disk, then start again",
        )
    return JittorEnvError(
        f"Jittor's import failed: {lines[0][:200]}",
        remedy="see the cause above, or start again with log_silent=0 log_v=1 in the environment",
    )
