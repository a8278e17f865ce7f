"""The order of the three steps, and one line for each thing that is missing."""

import contextlib
import os
import shutil
import sys
import warnings
from pathlib import Path

import pytest

import jittor_env
from jittor_env import JittorEnvError, cache, cuda, onednn, requirements, startup
from jittor_env.compilers import kernel_compiler, python_headers

PREPARE = """
import jittor_env
try:
    jittor_env.prepare()
except jittor_env.JittorEnvError as error:
    import sys
    print(error, "| jittor imported:", "jittor" in sys.modules)
"""


def test_load_is_idempotent_and_returns_the_module(run):
    done = run("import jittor_env as e; a = e.load(); b = e.load(); print(a is b, a.__name__)")
    assert done.stdout.strip() == "True jittor", done.stderr


def test_load_leaves_the_process_as_it_was(run):
    done = run(
        "import os, ssl, jittor_env; h = os.environ['HOME']; c = ssl._create_default_https_context;"
        "jittor_env.load(); print(os.environ['HOME'] == h, ssl._create_default_https_context is c)"
    )
    assert done.stdout.strip() == "True True", done.stderr


def test_an_exit_of_jittor_is_an_error(monkeypatch, empty_home):
    """After a change of `cc_flags` it rebuilds its utilities and exits with status 0."""
    with pytest.raises(JittorEnvError, match="run the same command again"), importing(monkeypatch):
        raise SystemExit(0)


def test_a_copied_cache_is_made_anew(run, tmp_path):
    """Jittor would load the copied utilities, compile them again and end the process."""
    done = run("import jittor_env as e; print(e.load().flags.cache_path)")
    cache_path = Path(done.stdout.strip())
    (root,) = (folder for folder in cache_path.parents if folder.name == ".cache")
    copied = tmp_path / cache_path.relative_to(root.parent)
    copied.mkdir(parents=True)
    for file in cache_path.glob("jit_utils_core*"):
        shutil.copy2(file, copied)
    begin = (
        "import jittor_env.startup as s; s.prepare()\n"
        "with s._unchanged_process(): import jittor_utils as u\n"
        "u.try_import_jit_utils_core(True); print(u.cc is None, u.cache_path)"
    )
    here, moved = run(begin), run(begin, JITTOR_HOME=str(tmp_path))
    assert here.stdout.split() == ["False", str(cache_path)], here.stderr
    assert moved.stdout.split()[0] == "True", moved.stderr
    assert moved.stdout.split()[1] != str(copied)
    assert cache_path.name != Path(moved.stdout.split()[1]).name


def test_a_name_of_the_users_is_kept(monkeypatch, empty_home):
    monkeypatch.setenv(cache.CACHE_NAME, "mine")
    for name in ("python_config_path", "cc_path"):
        monkeypatch.delenv(name, raising=False)
    startup._set_environment("g++")
    assert os.environ[cache.CACHE_NAME] == "mine"
    monkeypatch.setenv(cache.CACHE_NAME, cache.name("another g++"))
    startup._set_environment("g++")
    assert os.environ[cache.CACHE_NAME] == cache.name("g++")


def importing(monkeypatch):
    """Return the context of an import of Jittor that does not meet the one of this process."""
    monkeypatch.setattr(startup, "_announced", contextlib.nullcontext)
    monkeypatch.setattr(startup.locks, "clear_abandoned", list)
    monkeypatch.setenv("JITTOR_HOME", os.environ["HOME"])
    return startup.importing()


def test_an_import_within_an_import_does_not_wait_for_itself(monkeypatch, empty_home):
    with importing(monkeypatch), startup.importing():
        pass
    assert not startup._is_importing


def test_nothing_is_downloaded(run):
    done = run(
        "import socket\n"
        "def blocked(*_, **__): raise AssertionError('network')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = blocked\n"
        "import jittor_env; jittor_env.load(); print('loaded')"
    )
    assert done.stdout.strip() == "loaded", done.stderr


def test_jittor_imported_before_is_settled(run):
    done = run(
        "import jittor_env; jittor_env.prepare(); import jittor; jt = jittor_env.load();"
        "print('-Ofast' in jt.flags.cc_flags)"
    )
    assert done.stdout.strip() == "False", done.stderr


THREADS_OF_KERNELS = """
import os, jittor_env
jt = jittor_env.load()
before = len(os.listdir("/proc/self/task"))
(jt.random((2, 3)) * 3 + 1).sync()
print(len(os.listdir("/proc/self/task")) - before)
"""


def test_kernels_are_prepared_by_one_thread(run):
    assert run(THREADS_OF_KERNELS).stdout.strip() == "0"
    assert int(run(THREADS_OF_KERNELS, use_parallel_op_compiler="3").stdout) > 0, "whoever asks"


def test_settling_too_late_warns(run):
    done = run(
        "import jittor_env; jittor_env.prepare(); import jittor as jt\n"
        "(jt.array([1.0]) * 3 + 1).sync(); jittor_env.settle()"
    )
    assert "jittor ran before jittor_env settled it" in done.stderr


def test_settle_needs_jittor(monkeypatch):
    monkeypatch.delitem(sys.modules, "jittor", raising=False)
    with pytest.raises(JittorEnvError, match="jittor is not imported; call"):
        jittor_env.settle()


@pytest.mark.parametrize("version", [(3, 9, 1), (3, 13, 0)])
def test_foreign_python(monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(JittorEnvError, match=r"not run on Python 3\.\d+.*use Python 3.10 to 3.12$"):
        requirements.require_python()


@pytest.mark.parametrize("numpy", ["2.1.0", None])
def test_numpy_two_or_none(monkeypatch, numpy):
    monkeypatch.setattr(requirements, "installed_version", lambda _: numpy)
    with pytest.raises(JittorEnvError, match=r'needs NumPy 1, found.*pip install "numpy<2"$'):
        requirements.require_numpy()


def test_no_jittor(monkeypatch):
    monkeypatch.setattr(requirements, "installed_version", lambda _: None)
    with pytest.raises(
        JittorEnvError, match=r"pip install 'ddpm-parity\[jittor\]', which brings jittor==1\.3\.11"
    ):
        requirements.require_jittor()


def test_no_compiler_is_told_before_the_import(run, tmp_path):
    done = run(PREPARE, PATH=str(tmp_path))
    assert done.stdout.startswith("no C++ compiler: g++ is not on the PATH; install it")
    assert "jittor imported: False" in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_cache_that_cannot_be_written(run, tmp_path):
    (tmp_path / "file").touch()
    done = run(PREPARE, JITTOR_HOME=str(tmp_path / "file"))
    assert "cannot be written (Not a directory); make it writable or set JITTOR_HOME" in done.stdout


def test_full_disk_during_the_compile(empty_home, monkeypatch):
    monkeypatch.setattr(startup.cache, "free_mb", lambda _: 3.0)
    error = startup._explained(OSError("No space left on device"))
    assert str(error).endswith(
        "is full (3 MB free); free some space or set JITTOR_HOME to another disk, then start again"
    )


def test_full_disk_before_the_compile(empty_home, monkeypatch):
    monkeypatch.setattr(startup.cache, "free_mb", lambda _: 3.0)
    with pytest.raises(JittorEnvError, match=r"is full \(3 MB free, 400 needed\); free some space"):
        startup.cache.require_writable()


def test_other_failures_of_the_import_stay_one_line(empty_home):
    text = str(startup._explained(RuntimeError("first\nsecond")))
    assert text.startswith("Jittor's import failed: first;")
    assert "\n" not in text


def test_no_gpu_unless_asked(monkeypatch):
    monkeypatch.setenv("nvcc_path", "/somewhere/nvcc")
    monkeypatch.delenv("JITTOR_CUDA", raising=False)
    startup.choose_cuda(False)
    assert os.environ[cuda.NVCC] == ""


def test_gpu_asked_for_without_nvcc(monkeypatch):
    monkeypatch.setenv("nvcc_path", "/nowhere/nvcc")
    with pytest.raises(JittorEnvError, match=r"no CUDA compiler \(nvcc\); install"):
        startup.choose_cuda(True)


def test_missing_headers(monkeypatch, tmp_path):
    monkeypatch.setattr(python_headers, "header_folders", lambda: [str(tmp_path)])
    with pytest.raises(JittorEnvError, match=r"C headers of Python .* are missing"):
        python_headers.require_headers()


def test_compiler_from_the_environment(monkeypatch):
    monkeypatch.setenv("cc_path", "no-such-compiler")
    with pytest.raises(JittorEnvError, match="no-such-compiler is not on the PATH"):
        kernel_compiler.require_compiler()


def test_prepare_without_onednn(monkeypatch, empty_home):
    monkeypatch.setattr(onednn, "installed_version", lambda _: None)
    with warnings.catch_warnings(), pytest.raises(JittorEnvError, match="found none; pip install"):
        onednn.link()


def test_mpirun_without_mpicc_gets_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("mpicc_path", raising=False)
    monkeypatch.delenv("OMPI_COMM_WORLD_SIZE", raising=False)
    requirements.require_mpi()
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    with pytest.raises(JittorEnvError, match="mpicc, with which Jittor compiles its MPI part"):
        requirements.require_mpi()
    (tmp_path / "mpicc").touch(0o755)
    requirements.require_mpi()
