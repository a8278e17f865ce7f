"""Several processes make the records that one makes, and none of them stays behind."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from audit.__main__ import main
from audit.results import journal as journals
from audit.results.journal import run
from ddpm.errors import InputError
from tests.audit.results.stub_jobs import NAMES, jobs

ROOT = Path(__file__).parents[3]
PATIENCE = 120
PROGRAM = """
import sys
from functools import partial
from pathlib import Path

from tests.audit.results import stub_jobs

if __name__ == "__main__":
    import audit.jobs
    from audit import __main__ as program
    folder = Path(sys.argv.pop(1))
    audit.jobs.jobs = lambda only, quick: stub_jobs.jobs(folder)
    program.partial = lambda jobs, only, quick: partial(stub_jobs.jobs, folder)
    program.main()
"""


def called(folder: Path) -> list[list[str]]:
    """Return name and process of each job that was begun."""
    return [line.split() for line in (folder / "calls").read_text().splitlines()]


def started(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start an audit of the stub jobs, in a session of its own."""
    (folder / "program.py").write_text(PROGRAM)
    return subprocess.Popen(
        [sys.executable, "program.py", str(folder), "--out", "audit.json", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    )


def stopped_in_the_middle(folder: Path, *words: str) -> tuple[subprocess.Popen[str], list[int]]:
    """Start an audit in two processes, and return once one waits in `b` and the other in `d`."""
    for name in ("b.wait", "d.wait", "never"):
        os.mkfifo(folder / name)
    run = started(folder, "--jobs", "2", *words)
    processes = [os.pidfd_open(int(said(run, folder / name))) for name in ("b.wait", "d.wait")]
    for name in ("b.wait", "d.wait", "never"):
        (folder / name).unlink()
    return run, processes


def said(run: subprocess.Popen[str], pipe: Path) -> bytes:
    """Return what a process of a run writes into a named pipe, once it does."""
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not select.select([reader], [], [], PATIENCE)[0]:
            run.kill()
            raise AssertionError(run.communicate()[0])
        return os.read(reader, 100)
    finally:
        os.close(reader)


def assert_ended(processes: list[int]) -> None:
    for process in processes:
        assert select.select([process], [], [], PATIENCE)[0], "a process stayed behind"
        os.close(process)


def finished(folder: Path, processes: int) -> Any:
    run = started(folder, "--jobs", str(processes))
    text = run.communicate(timeout=PATIENCE)[0]
    assert run.returncode == 0, text
    return json.loads((folder / "audit.json").read_text())


def test_several_processes_make_the_records_of_one(tmp_path: Path) -> None:
    source = partial(jobs, tmp_path)
    alone = run(source, tmp_path / "alone.jsonl")
    assert [pid for _, pid in called(tmp_path)] == [str(os.getpid())] * len(NAMES)
    (tmp_path / "calls").unlink()
    assert run(source, tmp_path / "several.jsonl", processes=2) == alone
    assert sorted(name for name, _ in called(tmp_path)) == list(NAMES)
    assert str(os.getpid()) not in {pid for _, pid in called(tmp_path)}
    lines = [(tmp_path / f"{name}.jsonl").read_text().splitlines() for name in ("alone", "several")]
    assert sorted(lines[0]) == sorted(lines[1])


@pytest.mark.parametrize("processes", [1, 2])
def test_after_a_kill_the_same_command_ends_in_the_same_records(
    processes: int, tmp_path: Path
) -> None:
    run, workers = stopped_in_the_middle(tmp_path)
    run.kill()
    run.communicate()
    assert_ended(workers)
    before = len(called(tmp_path))
    audit = finished(tmp_path, processes)
    assert [record["name"] for record in audit["records"]] == list(NAMES)
    again = sorted(name for name, _ in called(tmp_path)[before:])
    assert again == ["b", "d", "e"], "a and c were kept"
    clean = tmp_path / "clean"
    clean.mkdir()
    assert audit == finished(clean, 1)


def test_ctrl_c_ends_every_process_in_one_line(tmp_path: Path) -> None:
    run, workers = stopped_in_the_middle(tmp_path)
    os.killpg(run.pid, signal.SIGINT)
    text = run.communicate(timeout=PATIENCE)[0]
    assert_ended(workers)
    assert run.returncode == 130
    assert text.rstrip().endswith("audit: interrupted; the same command goes on from there")
    assert "Traceback" not in text


def test_a_process_that_dies_is_one_line_and_its_job_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.die").touch()
    source, journal = partial(jobs, tmp_path), tmp_path / "a.jsonl"
    line = "a process of the audit ended at rewrite/c, with exit status 3; the records made so far"
    with pytest.raises(InputError, match=line):
        run(source, journal, processes=2)
    (tmp_path / "c.die").unlink()
    assert [record["name"] for record in run(source, journal, processes=2)] == list(NAMES)


def test_a_process_with_other_code_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "digest", lambda: "that of another version")
    with pytest.raises(InputError, match="the code was changed while the audit started"):
        run(partial(jobs, tmp_path), tmp_path / "a.jsonl", processes=2)
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize("number", ["0", "-1", "65", "1e12", "two"])
def test_numbers_of_processes_that_cannot_be_had_are_refused(number: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--jobs", number, "--out", str(tmp_path / "a.json")])
    assert result.exit_code == 2
    assert "--jobs" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_real_cases_have_the_same_scores_from_several_processes(tmp_path: Path) -> None:
    def audit(*words: str) -> Any:
        out = tmp_path / f"{len(words)}.json"
        result = CliRunner().invoke(main, ["--only", "interpolation", "--out", str(out), *words])
        assert result.exit_code == 0, result.output
        values = json.loads(out.read_text())
        values["rows"] = [row for row in values["rows"] if row["what"] != "time"]
        for record in values["records"]:
            del record["seconds"]
        return values

    alone = audit()
    assert len(alone["records"]) > 2
    assert audit("--jobs", "2") == alone
