"""Faster compiles of new kernels: a precompiled header and no tuner process.

Jittor spends most of a kernel's compile in parsing its headers and in `utils/asm_tuner.py`, a
Python process that runs g++ twice in search of a directive that hardly any kernel contains.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from jittor_env import cache
from jittor_env.compilers import core_compiler
from jittor_env.errors import JittorEnvError

_HEADER = """\
#pragma once
#include <cmath>
#include <algorithm>
#include <limits>
#include <assert.h>
#include "var.h"
#include "ops/op_register.h"
#include "fused_op.h"
#include "ops/broadcast_to_op.h"
#include "ops/binary_op.h"
#include "ops/array_op.h"
#include "ops/unary_op.h"
#include "ops/reduce_op.h"
"""
_KERNEL_MACROS = "-DJIT=1 -DJIT_cpu=1"

# Jittor runs `$python_path .../asm_tuner.py --cc_path=g++ SOURCE FLAGS -o LIBRARY`.
_BYPASS = """\
#!/bin/sh
# Replaces Python where Jittor starts its assembly tuner, and compiles once, directly. Tuners that
# run at the same time write JITTOR_HOME into one file below HOME and may read it half written; with
# HOME equal to JITTOR_HOME they write nothing.
home=${{JITTOR_HOME:-$HOME}}
case "$1" in *asm_tuner.py) ;; *) exec env HOME="$home" {python} "$@" ;; esac
tuner=$1 compiler=${{2#--cc_path=}} source=$3
shift 2
if ! grep -q '//@begin' "$source"; then
    "$compiler" "$@" 2>/dev/null && exit 0
fi
# A kernel with directives for the tuner, or a compiler that fails: as stock Jittor does it, without
# the precompiled header.
set -- "$@" --end-of-arguments
while [ "$1" != --end-of-arguments ]; do
    if [ "$1" = -include ]; then shift 2; else set -- "$@" "$1"; shift; fi
done
shift
exec env HOME="$home" {python} "$tuner" "--cc_path=$compiler" "$@"
"""


def require_compiler() -> str:
    """Return the path of the C++ compiler that kernels will be compiled with.

    Raises:
        JittorEnvError: there is none.
    """
    name = os.environ.get(core_compiler.CC_PATH) or "g++"
    path = shutil.which(core_compiler.real(shutil.which(name) or name))
    if path is None:
        raise JittorEnvError(
            f"no C++ compiler: {name} is not on the PATH",
            remedy="install it (Debian: apt install g++; conda: conda install gxx) "
            "or name one in the environment variable cc_path",
        )
    return path


def version(compiler: str) -> str:
    """Return the first line of the compiler's `--version`."""
    run = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)
    return (run.stdout or run.stderr).partition("\n")[0].strip()


def cheapen(jt: Any) -> None:
    """Make new kernels compile faster, by flags of Jittor alone.

    Where a part of it does not work, Jittor's default stays.
    """
    if jt.flags.cc_type != "g++":
        return
    jt.flags.cc_path = core_compiler.real(jt.flags.cc_path)
    folder = cache.inside(jt.flags.cache_path)
    if header := precompiled_header(jt.flags.cc_path, jt.flags.cc_flags, folder):
        jt.flags.cc_flags += f" {_KERNEL_MACROS} -include {header} "
    if bypass := tuner_bypass(jt.flags.python_path, folder):
        jt.flags.python_path = str(bypass)


def precompiled_header(compiler: str, cc_flags: str, folder: Path) -> Path | None:
    """Return the header beside which its precompiled form is; made at the first call.

    Returns None where the compiler fails, or where the path has a space in it, which breaks
    Jittor's command lines.
    """
    command = [compiler, *_header_flags(cc_flags)]
    key = hashlib.sha256(" ".join([_HEADER, *command, version(compiler)]).encode()).hexdigest()
    header = folder / f"kernels-{key[:16]}.h"
    if " " in str(header):
        return None
    if (compiled := header.with_suffix(".h.gch")).is_file():
        return header
    if (refused := header.with_suffix(".refused")).is_file():
        return None
    cache.write_atomically(header, _HEADER)
    if error := compile_to(compiled, [*command, "-x", "c++-header", str(header)]):
        cache.write_atomically(refused, error)
        return None
    return header


def precompiled_headers(*, refused: bool = False) -> list[Path]:
    """Return the precompiled headers in the cache, or the notes that the compiler refused one."""
    ending = "refused" if refused else "gch"
    return sorted(cache.root().glob(f"jt*/*/*/*/*/*/*/{cache.INSIDE}/kernels-*.{ending}"))


def _header_flags(cc_flags: str) -> list[str]:
    """Return the flags of a kernel that its precompiled header must have been compiled with."""
    kept = [f for f in shlex.split(cc_flags) if not f.startswith(("-l", "-L")) and f != "-shared"]
    return kept + _KERNEL_MACROS.split()


def compile_to(target: Path, command: list[str]) -> str:
    """Compile to a temporary name, then rename it. Return the compiler's error, "" for none."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".making-", suffix=target.suffix)
    os.close(descriptor)
    try:
        run = subprocess.run([*command, "-o", name], capture_output=True, text=True, check=False)
        if run.returncode == 0:
            os.replace(name, target)
        return "" if run.returncode == 0 else run.stderr or f"exit status {run.returncode}"
    finally:
        Path(name).unlink(missing_ok=True)


def tuner_bypass(python: str, folder: Path) -> Path | None:
    """Return a program for `jt.flags.python_path`; None where the cache forbids execution."""
    script = folder / "without-tuner"
    cache.write_atomically(script, _BYPASS.format(python=shlex.quote(python)), executable=True)
    return script if " " not in str(script) and cache.allows_execution(script) else None
