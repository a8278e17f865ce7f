"""The stand-in for g++ changes the options of the core and passes everything else on."""

import os
import subprocess
from pathlib import Path

import pytest

from jittor_env.compilers import core_compiler, kernel_compiler

COMPILER = """\
#!/bin/sh
# Logs its arguments, makes the output, and fails on the argument that REFUSE names.
echo "$@" >> {log}
case " $* " in *" ${{REFUSE:-nothing}} "*) exit 1 ;; esac
while [ $# -gt 0 ]; do [ "$1" = -o ] && output=$2; shift; done
case "$output" in /*) echo made > "$output" ;; esac
"""


class Compiled:
    """A compiler that keeps a log, its stand-in, and the folders of a core."""

    def __init__(self, home: Path) -> None:
        self.log = home / "log"
        self.cache = home / "core"
        (self.cache / "obj_files").mkdir(parents=True)
        compiler_path = home / "bin" / "g++"
        compiler_path.parent.mkdir()
        compiler_path.write_text(COMPILER.format(log=self.log))
        compiler_path.chmod(0o755)
        self.compiler = str(compiler_path)
        self.stand_in = core_compiler.stand_in_for(self.compiler)

    def asked(self, *arguments: str, **environment: str) -> list[str]:
        """Return the commands that the compiler gets when the stand-in gets `arguments`."""
        self.log.write_text("")
        subprocess.run([self.stand_in, *arguments], env=environment, check=False)
        return self.log.read_text().splitlines()

    def data(self, level: str = "-O2", **environment: str) -> list[str]:
        source, output = f"{self.cache}/data.cc", f"{self.cache}/data.o"
        flags = ["-fPIC", level, "-lx", "-include", "/src/vdp"]
        return self.asked(*flags, source, "-c", "-o", output, **environment)

    def core(
        self, level: str = "-O2", source: str = "/lib/jittor/src/op.cc", **environment: str
    ) -> list[str]:
        output = f"{self.cache}/obj_files/op.cc.o"
        return self.asked(source, "-fPIC", level, "-c", "-o", output, **environment)

    def utils(self, flag: str = "-fPIC", **environment: str) -> list[str]:
        source, output = self.utils_source, f"{self.cache}/jit_utils_core.so"
        return self.asked(str(source), flag, "-O2", "-o", output, **environment)

    @property
    def utils_source(self) -> Path:
        return self.cache.parent / "jittor/src/utils/log.cc"


@pytest.fixture
def compiled(empty_home):
    return Compiled(empty_home)


def test_the_headers_are_made_beside_the_first_file(compiled):
    data, *headers = sorted(compiled.data(), key=lambda asked: "c++-header" in asked)
    for level, header in zip(("-O1", "-O0"), headers, strict=True):
        assert f" -c {level} -x c++-header " in header  # without -c, -l and -Wl would make it link
    assert "-lx" in data
    (folder,) = (compiled.cache / "jittor_env").glob("core-*.h.gch")
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "-O0": "made\n",
        "-O1": "made\n",
    }


@pytest.mark.parametrize(
    ("source", "level"),
    [
        ("/lib/jittor/src/op.cc", "-O1"),
        ("/lib/jittor/src/opt/pass_manager.cc", "-O1"),
        ("/cache/gen/pyjt_jit_op_maker.cc", "-O1"),
        ("/cache/gen/pyjt_profiler.cc", "-O0"),
        ("/lib/jittor/src/test/test_expr.cc", "-O0"),
        ("/lib/jittor/extern/mkl/ops/mkl_conv_op.cc", "-O1"),
        ("/lib/jittor/extern/mkl/ops/cpu_cnn_inference_f32.cpp", "-O0"),
    ],
)
def test_the_core_uses_them_at_a_lower_level(compiled, source, level):
    compiled.data()
    (asked,) = compiled.core(source=source)
    assert " -O2 -c -o " in asked
    assert asked.partition(f" {level} -include ")[2].startswith(
        f"{compiled.cache}/jittor_env/core-"
    )


def test_the_same_command_twice_in_a_row_compiles_once(compiled):
    compiled.utils_source.parent.mkdir(parents=True)
    compiled.utils_source.touch()
    assert len(compiled.utils()) == 1
    assert compiled.utils() == []
    assert len(compiled.utils("-fno-inline")) == 1, "another command"
    assert compiled.utils("-fno-inline") == []
    later = (compiled.cache / "jit_utils_core.so").stat().st_mtime + 1
    os.utime(compiled.utils_source, (later, later))
    assert len(compiled.utils("-fno-inline", REFUSE="-fno-inline")) == 1, "a changed source"
    os.utime(compiled.utils_source, (0, 0))
    assert len(compiled.utils("-fno-inline")) == 1, "what failed is not done"
    assert compiled.utils("-fno-inline") == []


def test_a_file_refused_is_compiled_the_stock_way(compiled):
    compiled.data()
    first, second = compiled.core(REFUSE="-O1")
    assert first.startswith(f"{second} -O1")


def test_a_header_refused_leaves_stock(compiled):
    compiled.data(REFUSE="c++-header")
    assert not list((compiled.cache / "jittor_env").glob("core-*.h.gch/*"))
    (asked,) = compiled.core()
    assert "-O1" not in asked


def test_a_level_asked_for_by_the_user_is_kept(compiled):
    compiled.data()
    (asked,) = compiled.core("-O0")
    assert "-O1" not in asked
    assert "-include" not in asked


@pytest.mark.parametrize("source", ["/home/me/my_op.cc", "/cache/custom_ops/gen_ops_my_op.cc"])
def test_other_operators_are_left_alone(compiled, source):
    compiled.data()
    asked = [source, "-O2", "-c", "-o", f"{compiled.cache}/obj_files/x.o"]
    assert compiled.asked(*asked) == [" ".join(asked)]


def test_failure_is_passed_on(compiled):
    arguments = [compiled.stand_in, "/a/jittor/src/x.cc", "-O2", "-c", "-o", "x.o"]
    assert subprocess.run(arguments, env={"REFUSE": "-O2"}, check=False).returncode == 1


def test_the_compiler_behind_it_is_known(compiled, monkeypatch):
    assert compiled.stand_in != compiled.compiler
    assert core_compiler.real(compiled.stand_in) == compiled.compiler
    monkeypatch.setenv("cc_path", compiled.stand_in)  # as a child process inherits it
    assert kernel_compiler.require_compiler() == compiled.compiler
    assert core_compiler.stand_in_for(compiled.compiler) == compiled.stand_in


@pytest.mark.parametrize("other", ["/usr/bin/clang++", "/opt/a b/clang-g++", "/opt/icpc"])
def test_other_compilers_are_used_as_they_are(empty_home, other):
    assert core_compiler.stand_in_for(other) == other


def test_kernels_are_compiled_by_the_compiler_itself(run):
    code = "import jittor_env as e; f = e.load().flags; print(f.cc_path); print(f.cc_flags)"
    path, flags = run(code).stdout.splitlines()
    assert core_compiler.real(path) == path
    assert " -O3 " in flags
    assert " -O1" not in flags
