"""CUDA: Jittor searches for a GPU only where the user asks for one."""

from __future__ import annotations

import os
import shutil

from jittor_env.errors import JittorEnvError

NVCC = "nvcc_path"
_NVCC_PATHS = ("/usr/local/cuda/bin/nvcc", "/usr/bin/nvcc", "/opt/cuda/bin/nvcc")
# With CUDA, Jittor downloads these at import.
_DOWNLOADED = ("use_cutt", "use_cutlass", "use_nccl")


def is_wanted(asked: bool) -> bool:
    """Tell whether the caller or the environment variable `JITTOR_CUDA=1` asks for a GPU."""
    return asked or os.environ.get("JITTOR_CUDA") == "1"


def find_nvcc() -> str | None:
    """Return the CUDA compiler that Jittor would find, or None."""
    named = os.environ.get(NVCC)
    candidates = [named] if named else ["nvcc", *_NVCC_PATHS]
    return next(filter(None, map(shutil.which, candidates)), None)


def choose_cuda(wanted: bool) -> None:
    """Set `nvcc_path`, from which Jittor concludes whether there is a GPU.

    An empty value prevents both the search, which ends the process on a broken nvcc, and the
    download of CUDA where only a driver is found (source: `jittor_utils.install_cuda`).

    Raises:
        JittorEnvError: a GPU is wanted and there is no nvcc.
    """
    if not wanted:
        os.environ[NVCC] = ""
        return
    os.environ[NVCC] = require_nvcc()
    os.environ["JITTOR_CUDA"] = "1"  # settle() and child processes read it
    for library in _DOWNLOADED:
        os.environ.setdefault(library, "0")


def require_nvcc() -> str:
    """Return the path of the CUDA compiler.

    Raises:
        JittorEnvError: there is none.
    """
    nvcc = find_nvcc()
    if nvcc is None:
        raise JittorEnvError(
            "a GPU was asked for, but there is no CUDA compiler (nvcc)",
            remedy="install the CUDA toolkit, name its nvcc in nvcc_path, or do without cuda",
        )
    return nvcc
