"""Progress lines are dropped from C++'s std::cerr, and nothing else is."""

import ctypes
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jittor_env import stderr_filter

ROOT = Path(__file__).parents[2]
PROGRESS = "Compiling Operators(12/47) used: 3.2s eta:    9s \r"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The folder that holds the compiled filter."""
    folder = tmp_path_factory.mktemp("filter")
    assert stderr_filter.built_filter("g++", folder) is not None
    return folder


def written(library, *pieces, install=True):
    """Return what reaches stderr when each piece is written to std::cerr separately."""
    code = (
        "import sys, pathlib; from jittor_env import stderr_filter\n"
        "filter = stderr_filter.built_filter('g++', pathlib.Path(sys.argv[1]))\n"
        "if sys.argv[2] == 'True': filter.install()\n"
        "for piece in sys.argv[3:]: filter.write_to_cerr(piece.encode())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, library, str(install), *pieces],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return done.stderr.decode()


def test_the_lines_are_dropped_with_their_blank_lines(library):
    # In the pieces in which Jittor writes them.
    line = ["Compiling Operators(", "12", "/", "47", ")", " used: ", "3.2", "s eta: ", "9", "s \r"]
    assert written(library, "\n", *line, *line, "\n", "after\n") == "after\n"


def test_they_are_there_without_the_filter(library):
    assert written(library, "\n", PROGRESS, "\n", install=False) == f"\n{PROGRESS}\n"


@pytest.mark.parametrize(
    "text",
    [
        "[e] Error happend during compilation:\n\nReason: \n",
        "Compiling failed\n",
        "error: Compiling Operators(1/2) in the middle\n",
        "no newline at the end",
        "a\n\n\nb\n",
        "C",
    ],
)
def test_everything_else_passes(library, text):
    assert written(library, text, "!") == text + "!"


def test_an_error_between_two_lines_passes(library):
    assert written(library, "\n", PROGRESS, "[e] it failed\n", PROGRESS, "\n") == "[e] it failed\n"


def test_an_error_of_another_thread_within_a_line_passes(library, capfd):
    filtered = stderr_filter.built_filter("g++", library)
    before = ctypes.c_char_p(PROGRESS[:30].encode()), ctypes.c_char_p(PROGRESS[30:].encode())
    filtered.install()
    filtered.write_to_cerr(before[0])
    thread = threading.Thread(target=filtered.write_to_cerr, args=[b"[e] it failed\n"])
    thread.start()
    thread.join()
    filtered.write_to_cerr(before[1])
    assert capfd.readouterr().err == "[e] it failed\n"


def test_no_filter_where_it_cannot_be_compiled(tmp_path):
    assert stderr_filter.built_filter("false", tmp_path) is None
    assert [path.suffix for path in tmp_path.iterdir()] == [".cc"]


def test_no_filter_where_it_cannot_be_loaded(library, tmp_path):
    (compiled,) = library.glob("*.so")
    (tmp_path / compiled.name).write_text("no library")
    assert stderr_filter.built_filter("g++", tmp_path) is None


def test_loading_installs_it(run):
    done = run(
        "import jittor_env, pathlib; from jittor_env import stderr_filter; jt = jittor_env.load()\n"
        "folder = pathlib.Path(jt.flags.cache_path) / 'jittor_env'\n"
        f"stderr_filter.built_filter(jt.flags.cc_path, folder).write_to_cerr({PROGRESS!r}.encode())"
    )
    assert (done.returncode, done.stderr) == (0, "")
