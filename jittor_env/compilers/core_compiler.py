"""A faster first compile of Jittor's core: a stand-in for g++.

Jittor compiles the 150 files of its core at -O2 and parses the same headers for each. Its
environment variable `cc_flags` could change both, but would also change every kernel and operator
compiled later. Instead, `cc_path` names a script that has the compiler's name and chooses the
options file by file.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from pathlib import Path

from jittor_env import cache
from jittor_env.onednn import installed_version

CC_PATH = "cc_path"

_HEADER = """\
#pragma once
#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <iostream>
#include <limits>
#include <sstream>
#include <unordered_map>
#include "common.h"
#include "utils/log.h"
#include "var.h"
#include "op.h"
#include "ops/op_register.h"
#include "fused_op.h"
#include "executor.h"
"""

# Jittor compiles data.cc alone, before it starts a process for each other file. That is when the
# header is precompiled, with the flags that all files share (source: `jittor.compiler`). Jittor
# compiles the library of its utilities twice in a row with one command; the second time is skipped.
# Only the default level -O2 is lowered; any other, as with debug=1, is kept.
_STAND_IN = """\
#!/bin/sh
# jittor_env: Jittor's own core is compiled lower, with a precompiled header, the rest as asked.
compiler={compiler}
for output; do :; done
case " $* " in
    *" -O2 "*"/data.cc -c -o "*) what=data folder=${{output%/*}} ;;
    *"/jittor/src/utils/"*" -O2 -o "*/jit_utils_core.*) what=utils ;;
    *" -O2 "*) what=other ;;
    *) exec "$compiler" "$@" ;;
esac
case " $* " in *" -c -o "*) case "$1" in
    # What Python calls at every step.
    */gen/pyjt_jit_op_maker.cc | */gen/pyjt_var_*.cc | */gen/pyjt_nano_*.cc) what=core level=-O1 ;;
    # What runs when somebody asks for it, or never.
    */gen/*.cc | */custom_ops/gen_ops_mkl_*.cc | */jittor/src/test/*.cc | */jittor/src/misc/*.cc | \
    */jittor/src/profiler/*.cc | */jittor/src/memory_profiler.cc | */py_var_tracer.cc | \
    */jittor/src/parallel_compiler.cc | */jittor/extern/mkl/ops/*.cpp)
        what=core level=-O0 ;;
    */jittor/src/*.cc | */jittor/extern/mkl/ops/*.cc)
        what=core level=-O1 ;;
esac ;; esac
[ $what = core ] && folder=${{output%/obj_files/*}}
header=$folder/jittor_env/core-{key}.h
precompile() {{
    mkdir -p "$header.gch" && cp "${{0%/*}}/core.h" "$header" || return
    for level in -O1 -O0; do  # from a folder the compiler takes the one that fits
        "$compiler" "$@" $level -x c++-header "$header" -o "$header.$$" &&
            mv "$header.$$" "$header.gch/$level" || rm -f "$header.$$"
    done
}}
flags_of_all() {{
    for argument; do
        shift
        case "$argument" in -include | */vdp | */data.cc | -o | */data.o) ;;
            *) set -- "$@" "$argument" ;;
        esac
    done
    precompile "$@"
}}
made_before() {{
    [ -f "$output" ] && [ "$(cat "$output.made" 2>/dev/null)" = "$*" ] || return
    for argument; do
        case "$argument" in *.cc) [ "$argument" -nt "$output" ] && return 1 ;; esac
    done
    return 0
}}
case $what in
    data)
        flags_of_all "$@" 2>/dev/null &
        "$compiler" "$@" -O1
        status=$?
        wait
        exit $status ;;
    utils)
        made_before "$@" && exit 0
        rm -f "$output.made"
        "$compiler" "$@" -O1 || exit
        printf %s "$*" > "$output.made"
        exit 0 ;;
    core)
        [ -f "$header.gch/$level" ] && "$compiler" "$@" $level -include "$header" 2>/dev/null &&
            exit 0 ;;
esac
exec "$compiler" "$@"
"""


def stand_in_for(compiler: str) -> str:
    """Return the path to name in `cc_path`, so that `compiler` compiles the core faster.

    It is `compiler` itself where that is not a g++, where the cache does not allow execution, or
    where a path has a space in it.
    """
    name = Path(compiler).name
    if "g++" not in name or "clang" in name:
        return compiler
    # A stand-in of another version must not use the headers that this one has precompiled.
    key = hashlib.sha256(
        f"{_STAND_IN}{_HEADER}{compiler}{installed_version('jittor')}".encode()
    ).hexdigest()[:16]
    script = cache.own_folder() / f"core-{key}" / name
    if " " in str(script):
        return compiler
    cache.write_atomically(script.with_name("core.h"), _HEADER)
    text = _STAND_IN.format(compiler=shlex.quote(compiler), key=key)
    cache.write_atomically(script, text, executable=True)
    return str(script) if cache.allows_execution(script) else compiler


def real(compiler: str) -> str:
    """Return the compiler that a stand-in calls; any other compiler is returned as it is."""
    try:
        text = Path(compiler).read_text()
    except (OSError, UnicodeDecodeError):
        return compiler
    named = re.search(r"^# jittor_env: .*\ncompiler=(.*)$", text, re.MULTILINE)
    return shlex.split(named[1])[0] if named else compiler


def point_jittor_at_stand_in(compiler: str) -> None:
    """Set `cc_path`. Child processes inherit it, so they find the same core."""
    os.environ[CC_PATH] = stand_in_for(compiler)
