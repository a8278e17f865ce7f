"""`parity record`: writes what one side of a pair leaves, so that the other is judged elsewhere."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from parity.base.progress import listening
from parity.commands.check import CANNOT_COMPARE
from parity.commands.naming.subjects import subjects_of
from parity.commands.terminal import ProgressLine, quiet
from parity.errors import CannotCompare, RestartNeeded, code_of, refusal
from parity.pair import Pair
from safe_files import CannotWrite, make_folder, require_writable


def record_pairs(options: argparse.Namespace) -> int:
    """Record one side of every pair that the options name; return the exit status.

    A pair that cannot be recorded does not keep the others from it.

    Raises:
        CannotCompare: a pair cannot be loaded or run, or there is none.
        CannotWrite: a file cannot be written.
    """
    from parity.recording.record import Record
    from parity.recording.record_side import record

    like = None
    if options.like is not None:
        if options.side == "reference" and options.reference:
            raise CannotCompare("--like records the candidate: say --candidate for --reference")
        if options.places or options.without or options.stress:
            raise CannotCompare("--like brings places and stress inputs: leave the options out")
        like, options.side = Record.open(options.like), "candidate"
    with quiet(verbose=options.verbose):
        subjects, problems = subjects_of(options)
    if problems:
        raise problems[0]
    pairs = [subject.value for subject in subjects if isinstance(subject.value, Pair)]
    for subject in subjects:
        if not isinstance(subject.value, Pair):
            print(f"parity: {subject.value.name} is no pair of modules and is not recorded")
    if not pairs:
        raise CannotCompare("only a parity.Pair can be recorded, and there is none in it")
    paths = _paths(options.out, pairs)
    status = 0
    for number, (pair, path) in enumerate(zip(pairs, paths, strict=True), 1):
        line = ProgressLine(f"{pair.name} ({number} of {len(pairs)})")
        try:
            with listening(line.show), line, quiet(verbose=options.verbose):
                record(
                    replace(pair, stress_inputs=options.stress or pair.stress_inputs),
                    path,
                    side=options.side,
                    seed=options.seed,
                    places=options.places or ["*"],
                    without=[p for text in options.without for p in text.split(",")],
                    like=like,
                    announce=partial(_require_space, path),
                )
        except RestartNeeded:
            raise
        except (CannotCompare, CannotWrite) as error:
            print(refusal(f"{pair.name}: {error}", code_of(error)), file=sys.stderr)
            status = CANNOT_COMPARE
            continue
        print(f"{path}: the {options.side} of {pair.name}, {_in_mib(path.stat().st_size)}")
    return status


def _paths(out: Path, pairs: Sequence[Pair]) -> list[Path]:
    """Return a file for each pair; several pairs have a folder."""
    from parity.recording.record import file_name

    if len(pairs) == 1 and not out.is_dir() and not str(out).endswith(os.sep):
        require_writable(out)
        return [out]
    if out.is_file():
        raise CannotWrite(f"{out} is a file, and a folder is needed for several pairs")
    make_folder(out)
    names = [file_name(pair.name) for pair in pairs]
    for name in names:
        if names.count(name) > 1:
            raise CannotCompare(f"several pairs would be recorded in {name}: give them names")
    return [out / name for name in names]


def _require_space(path: Path, size: int) -> None:
    """Say how large a record may become, and require as much space."""
    free = shutil.disk_usage(path.absolute().parent).free
    if size > free:
        raise CannotWrite(
            f"{path} may take {_in_mib(size)}, and {_in_mib(free)} are free: free some space, "
            "choose another path, or record less with --stress plain or --places"
        )
    print(f"{path}: at most {_in_mib(size)}", flush=True)


def _in_mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
