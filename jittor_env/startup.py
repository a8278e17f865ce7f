"""Start Jittor in three steps: prepare the environment, import it, settle its flags."""

from __future__ import annotations

import importlib
import os
import ssl
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jittor_env import cache, float_flags, locks, onednn, progress, signals, stderr_filter
from jittor_env.compilers import core_compiler, kernel_compiler, python_headers
from jittor_env.cuda import choose_cuda, is_wanted
from jittor_env.errors import JittorEnvError
from jittor_env.requirements import (
    is_in_mpi,
    require_jittor,
    require_mpi,
    require_numpy,
    require_python,
)

# Jittor prepares the kernels of a graph in 16 threads, which write to shared maps without a lock.
# Where all kernels were compiled already, and no thread waited for a compiler, about one process in
# a hundred ended with a segmentation fault. In one thread a new training graph takes twice as long
# to compile, once.
_PARALLEL = "use_parallel_op_compiler"
RESTART = "run the same command again"


def prepare(*, cuda: bool = False) -> None:
    """Set the environment variables that `import jittor` reads.

    Call it before that import. Another call, or one after the import, changes nothing.

    Args:
        cuda: let Jittor search for a GPU; the environment variable `JITTOR_CUDA=1` has the same
            effect.

    Raises:
        JittorEnvError: something is missing; its text names it and the fix.
    """
    if "jittor" in sys.modules:
        return
    require_python()
    require_numpy()
    require_jittor()
    require_mpi()
    cxx = kernel_compiler.require_compiler()
    python_headers.require_headers()
    cache.require_writable()
    onednn.link()
    python_headers.point_jittor_at_headers()
    core_compiler.point_jittor_at_stand_in(cxx)
    choose_cuda(is_wanted(cuda))
    _set_environment(os.environ[core_compiler.CC_PATH])


def _set_environment(compiler: str) -> None:
    # Child processes inherit it and so use the same cache.
    os.environ["JITTOR_HOME"] = str(cache.home())
    os.environ.setdefault("log_silent", "1")
    # By default Jittor names the cache after the git branch of the folder that it is installed in.
    given = os.environ.get(cache.CACHE_NAME)
    if given is None or cache.is_own_name(given):
        os.environ[cache.CACHE_NAME] = cache.name(compiler)
    # Otherwise Jittor compiles its MPI part wherever it finds an mpicc on the PATH.
    if not is_in_mpi():
        os.environ.setdefault("use_mpi", "0")


def settle() -> None:
    """Set Jittor's flags: IEEE-safe arithmetic, kernels that compile faster.

    Call it after `import jittor` and before the first operation. Another call changes nothing. The
    flags are part of the name of every cached kernel, so processes that settle share kernels.

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
    kernel_compiler.cheapen(jt)
    if _PARALLEL not in os.environ:
        setattr(jt.flags, _PARALLEL, 0)
    stderr_filter.silence_progress(jt)
    signals.give_back()
    if is_wanted(False) and jt.has_cuda:
        jt.flags.use_cuda = 1
    setattr(jt, "_settled_by_jittor_env", True)  # noqa: B010 - not an attribute that mypy knows


def load(*, cuda: bool = False) -> Any:
    """Prepare, import and settle Jittor. Another call only returns the module.

    Args:
        cuda: let Jittor search for a GPU; the environment variable `JITTOR_CUDA=1` has the same
            effect.

    Returns:
        The module `jittor`, also where other code has imported it before.

    Raises:
        JittorEnvError: something is missing, or Jittor's own import failed.
    """
    if "jittor" not in sys.modules:
        prepare(cuda=cuda)
        with importing():
            importlib.import_module("jittor")
    jt = sys.modules["jittor"]
    if is_wanted(cuda) and not jt.has_cuda:
        raise JittorEnvError(
            "a GPU was asked for, but Jittor was started without CUDA in this process",
            remedy="ask for it in the first call of jittor_env.load, with nvcc on the PATH",
        )
    settle()
    return jt


_is_importing = False


@contextmanager
def importing() -> Iterator[None]:
    """Guard the import of Jittor, which the caller does inside.

    One process at a time starts Jittor on a cache, a first compile is announced, the rest of the
    process stays unchanged, and whatever fails becomes one line. Within another such context it
    does nothing.

    Raises:
        JittorEnvError: the import failed.
    """
    global _is_importing
    if _is_importing:
        yield
        return
    _is_importing = True
    try:
        with locks.starting(together=is_in_mpi()), _one_line_errors(), _unchanged_process():
            locks.clear_abandoned()
            with _announced():
                yield
    finally:
        _is_importing = False


@contextmanager
def _announced() -> Iterator[None]:
    utils: Any = importlib.import_module("jittor_utils")
    signals.shield_workers(utils)
    folder = Path(utils.cache_path)
    if any(folder.rglob("jittor_core*.so")):
        yield
        return
    total = progress.expected_files(Path(utils.__file__).parent.parent / "jittor" / "src")
    with progress.first_compile(folder, total):
        yield


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except JittorEnvError:
        raise
    except SystemExit as error:
        # Where its utilities are out of date, as after a change of `cc_flags`, Jittor recompiles
        # them and ends the process with status 0, as if the program had finished.
        raise JittorEnvError(
            f"Jittor rebuilt a part of itself in {cache.root()}, whose files were made by another"
            " compiler or with other options, and cannot continue in this process",
            remedy=RESTART,
        ) from error
    except Exception as error:
        raise _explained(error) from error


@contextmanager
def _unchanged_process() -> Iterator[None]:
    """Undo the side effects of Jittor's import on the process.

    It turns off the verification of TLS certificates for the whole process, and writes JITTOR_HOME
    into `~/.cache/jittor/config.json`, where it becomes the default of every later program. With
    HOME equal to JITTOR_HOME it writes nothing.
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
