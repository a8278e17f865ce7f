"""Kernels compile faster, and as in stock Jittor where that does not work."""

import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jittor_env.compilers import kernel_compiler

COMPILE_KERNELS = """
import jittor_env, os, pathlib, sys, time
jt = jittor_env.load()
if sys.argv[1:] == ["stock"] or os.environ.get("STOCK"):
    jt.flags.cc_flags = jt.flags.cc_flags.partition("-DJIT=1")[0]
    jt.flags.python_path = sys.executable
# Flags are part of a kernel's key: a macro of its own makes every kernel new.
jt.flags.cc_flags += f" -DFRESH_{os.getpid()} " if os.environ.get("FRESH") else ""
x = jt.array([1.0, 2.0, 3.0])
start = time.perf_counter()
for y in (jt.exp(x) + x, jt.sin(x) * x, jt.cos(x) - x, jt.tanh(x) / (x + 1), jt.sqrt(x) * 7):
    y.sync()
print(time.perf_counter() - start)
"""


def test_the_kernel_header_is_used_and_shared(run):
    code = "import jittor_env; print(jittor_env.load().flags.cc_flags)"
    first, second = run(code), run(code)
    assert " -include " in first.stdout, first.stderr
    assert first.stdout == second.stdout
    header = first.stdout.split("-include ")[1].split()[0]
    assert Path(header + ".gch").read_bytes().startswith(b"gpch")


def test_a_compiler_that_refuses_is_asked_once(tmp_path):
    assert kernel_compiler.precompiled_header("false", "-O3", tmp_path) is None
    (refused,) = tmp_path.glob("*.refused")
    assert refused.read_text() == "exit status 1"
    assert kernel_compiler.precompiled_header("false", "-O3", tmp_path) is None


def test_a_path_with_a_space_is_left_to_stock(tmp_path):
    assert kernel_compiler.precompiled_header("g++", "", tmp_path / "a b") is None


@pytest.fixture
def tuner(tmp_path):
    """A program in place of Jittor's tuner that prints its arguments."""
    script = tmp_path / "asm_tuner.py"
    script.write_text("import sys; print('tuned', *sys.argv[1:])")
    return script


def bypass(tmp_path, tuner, compiler_name, source, *flags):
    program = kernel_compiler.tuner_bypass(sys.executable, tmp_path)
    assert program is not None
    return subprocess.run(
        [program, tuner, f"--cc_path={compiler_name}", source, *flags],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_bypass_compiles_without_the_tuner(tmp_path, tuner):
    source = tmp_path / "kernel.cc"
    source.write_text("int one() { return 1; }")
    done = bypass(tmp_path, tuner, "g++", source, "-shared", "-fPIC", "-o", tmp_path / "k.so")
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "k.so").is_file()


def test_a_refusal_goes_the_stock_way_without_the_header(tmp_path, tuner):
    source = tmp_path / "kernel.cc"
    source.write_text("")
    done = bypass(tmp_path, tuner, "false", source, "-a b", "-include", "p.h", "-o", "k.so")
    assert done.stdout.strip() == f"tuned --cc_path=false {source} -a b -o k.so"


def test_directives_for_the_tuner_reach_it(tmp_path, tuner):
    source = tmp_path / "kernel.cc"
    source.write_text('//@begin replace "a" "b"')
    assert "tuned" in bypass(tmp_path, tuner, "g++", source, "-o", tmp_path / "k.so").stdout


def test_the_compiler_has_the_home_that_jittor_has(tmp_path, tuner, monkeypatch):
    """A compiler's cache may lie there."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JITTOR_HOME", str(tmp_path / "elsewhere"))
    noted = tmp_path / "noted"
    noting = tmp_path / "g++"
    noting.write_text(f'#!/bin/sh\nprintf %s "$HOME" > "{noted}"\n')
    noting.chmod(0o755)
    source = tmp_path / "kernel.cc"
    source.write_text("int one() { return 1; }")
    bypass(tmp_path, tuner, str(noting), source, "-o", tmp_path / "k.so")
    assert noted.read_text() == str(tmp_path / "home")


def test_anything_else_goes_to_python(tmp_path):
    program = kernel_compiler.tuner_bypass(sys.executable, tmp_path)
    assert subprocess.check_output([program, "-c", "print(6 * 7)"], text=True) == "42\n"


@pytest.mark.slow
def test_new_kernels_are_three_times_cheaper_than_stock(run):
    start = time.perf_counter()
    stock = [float(run(COMPILE_KERNELS, FRESH="1", STOCK="1").stdout) for _ in range(2)]
    cheap = [float(run(COMPILE_KERNELS, FRESH="1").stdout) for _ in range(2)]
    assert min(stock) > 3 * min(cheap), (stock, cheap, time.perf_counter() - start)


def test_a_tuner_writes_no_settings_that_another_could_read_half_written(tmp_path, monkeypatch):
    """Jittor's own `jittor_utils`, which its tuner imports, writes JITTOR_HOME below HOME."""
    spec = importlib.util.find_spec("jittor_utils")
    assert spec is not None
    assert spec.origin is not None
    tuner = tmp_path / "asm_tuner.py"
    text = Path(spec.origin).read_text()
    start = text.index("_jittor_home = None")
    home = text[start : text.index("class Logwrapper")]
    tuner.write_text(f"import json, os\nfrom pathlib import Path\n{home}\nprint(home())")
    for name in ("HOME", "JITTOR_HOME"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    source = tmp_path / "kernel.cc"
    source.write_text("//@begin\nint f();\n//@end")
    plain = subprocess.run([sys.executable, tuner], capture_output=True, text=True, check=True)
    assert plain.stdout.strip() == str(tmp_path / "JITTOR_HOME")
    settings = tmp_path / "HOME" / ".cache" / "jittor" / "config.json"
    assert settings.exists()  # what Jittor does by itself
    settings.unlink()
    done = bypass(tmp_path, tuner, "g++", source, "-o", tmp_path / "k.so")
    assert done.stdout.strip() == str(tmp_path / "JITTOR_HOME")
    assert not list(tmp_path.rglob("config.json"))
