"""Every option of `parity`, `audit` and `bench`, with values that it cannot have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.reliability import bases
from tests.reliability.case import EITHER, REFUSED, Case, Write, always, holding, together
from tests.reliability.options import NO_INTEGER, NO_NAME
from tests.reliability.paths import fifo, unusable

KIND = "programs"


_GOOD = holding("good.py", bases.PAIRS)
_BUILDERS = ("--reference", "good.py:build", "--candidate", "good.py:build")
_INPUTS = (
    "",
    "x",
    "x=",
    "=3",
    "x=a",
    "2,,3",
    "x=-1",
    "x=1e3",
    "nothing:3",
    "x=int64<0:2",
    "x=float32<x:3",
    "1000000000000",
    "x=1000000,1000000",
    "x=9" + "9" * 400,
    "O:3",
    "x=complex64:2,3",
    "x=int8<999:2,3",
    "x=" + ",".join("2" * 80),
    "x=0,3",
    "x=uint8<900:3",
    "x=2,3",
    "datetime64:3",
    "float16<5:",
    "x=2;3",
    "x=2, 3",
    "x=bool<5:4,4,",
)


def _case(name: str, words: tuple[str, ...], write: Write) -> Case:
    return Case(kind=KIND, name=name, words=words, write=write)


def cases(folder: Path) -> Iterator[Case]:
    """Yield every case; `folder` is not needed."""
    yield from _values()
    yield from _names_and_outputs()
    yield from _commands()
    yield from _audit_and_bench()


def _values() -> Iterator[Case]:
    # argparse takes `--seed=--` for no value at all.
    for value in (*(text for text in NO_INTEGER if text != "--"), "9" * 5000):
        yield _case(
            f"parity --seed {value[:9]!r}",
            ("parity", "check", "good.py:pair", f"--seed={value}"),
            _GOOD,
        )
    for value in _INPUTS:
        words = ("parity", "check", *_BUILDERS, f"--input={value}")
        answer = EITHER if value in ("", "x=0,3", "=3", "x=2,3") else REFUSED
        yield Case(
            kind=KIND,
            name=f"parity --input {value[:20]!r}",
            words=words,
            write=_GOOD,
            rule=always(answer),
            statuses=(0, 1),
        )
    for value in ("", "x", "=", "a=b=c", "0=", "=0", "weight=bias", "no=such"):
        words = ("parity", "check", *_BUILDERS, "--input", "2,3", f"--rename={value}")
        answer = EITHER if value in ("a=b=c",) else REFUSED
        yield Case(
            kind=KIND,
            name=f"parity --rename {value!r}",
            words=words,
            write=_GOOD,
            rule=always(answer),
            statuses=(0, 1),
        )


def _names_and_outputs() -> Iterator[Case]:
    for command in ("check", "tree"):
        for words in (
            (),
            ("--reference", "good.py:build"),
            ("--candidate", "good.py:build"),
            ("--nothing",),
            (*_BUILDERS[:3], "good.py"),
            (*_BUILDERS[:3], "good.py:none"),
            (*_BUILDERS[:3], "no:no"),
            ("--reference", "os:path", "--candidate", "os:path"),
            ("--reference",),
            ("a b:c",),
        ):
            line = ("parity", command, *words)
            yield _case(f"parity {command} {' '.join(words)[:50]}", line, _GOOD)
    for option in ("--json", "--html", "--repro", "--markdown"):
        for label, path, write in (
            ("below a file", "file/x", holding("file", "x")),
            ("/dev/null", "/dev/null", together()),
            ("a FIFO", "pipe", fifo("pipe")),
            ("a long name", "n" * 300, together()),
        ):
            line = ("parity", "check", "good.py:pair", option, path)
            answer = EITHER if option == "--repro" else REFUSED
            yield Case(
                kind=KIND,
                name=f"parity {option}: {label}",
                words=line,
                rule=always(answer),
                write=together(_GOOD, write),
                statuses=(0, 1),
            )


def _commands() -> Iterator[Case]:
    for words in (
        (),
        ("fly",),
        ("check",),
        ("--nothing",),
        ("explain",),
        ("explain", "a", "b"),
        ("atlas", "--only", "no-such-group"),
        ("atlas", "--only"),
        ("atlas", "x"),
        ("atlas", "--only", "norms", "--json", "bad.json"),
    ):
        yield _case(f"parity {' '.join(words)}", ("parity", *words), holding("bad.json", "[]"))


def _audit_and_bench() -> Iterator[Case]:
    nothing = together()
    for only in (*NO_NAME, "mutant_", "ATTENTION", "5"):
        words = ("audit", "--out", "a.json", f"--only={only}")
        yield _case(f"audit --only {only[:9]!r}", words, nothing)
    for label, path, write in (
        ("below a file", "file/x.json", holding("file", "x")),
        ("a FIFO", "a.json", fifo("a.jsonl")),
        ("a folder", "there.json", holding("there.json/x", "x")),
        ("/dev/null", "/dev/null", nothing),
        ("an output that is a FIFO", "a.json", fifo("a.json")),
    ):
        words = ("audit", "--only", "no-such", "--out", path)
        yield _case(f"audit --out: {label}", words, write)
    for words in (("--nothing",), ("word",), ("--out",), ("--only",), ("--quick=5",)):
        yield _case(f"audit {' '.join(words)}", ("audit", *words), nothing)
    entry = {
        "benchmark": "b",
        "implementation": "x",
        "base": "torch",
        "preset": "tiny",
        "batch_size": 1,
        "ratio": {"low": 1.0, "median": 1.1, "high": 1.2},
        "environment": {"threads": "1", "cores": "2"},
    }
    good = json.dumps({"benchmarks": [{"extra_info": entry}]})
    wrong: list[tuple[str, str | bytes]] = [
        (repr(text[:9]) + f" of {len(text)}", text)
        for text in (b"", b"null", b"[]", b"{}", b"5", b"[" * 200_000, b"\xff", b"NaN", b"x")
    ]
    for key in entry:
        for value in (None, 5, "x", [], {}, float("nan")):
            fits = value == entry[key]
            changed = json.dumps({"benchmarks": [{"extra_info": {**entry, key: value}}]})
            wrong.append((f"{key} = {value!r}" + " (fits)" * fits, changed))
    for bound in ("low", "median", "high"):
        for value in (None, "x", float("nan"), float("inf"), -1.0, 0.0, 5e300):
            ratio = {"low": 1.0, "median": 1.1, "high": 1.2, bound: value}
            changed = json.dumps({"benchmarks": [{"extra_info": {**entry, "ratio": ratio}}]})
            fits = bound == "high" and value == 5e300
            wrong.append((f"{bound} = {value}" + " (fits)" * fits, changed))
    for label, content in wrong:
        for words in (("bad.json", "good.json"), ("good.json", "bad.json")):
            write = together(holding("good.json", good), holding("bad.json", content))
            either = "(fits)" in label
            yield Case(
                kind=KIND,
                name=f"bench, {words[0]} first: {label}",
                write=write,
                words=("bench", "compare", *words),
                statuses=(0, 1),
                rule=always(EITHER if either else REFUSED),
            )
    for label, (path, write) in unusable("bad.json").items():
        yield _case(f"bench: {label}", ("bench", "compare", path, path), write)
    for line in ((), ("fly",), ("compare",), ("compare", "a"), ("--nothing",)):
        yield _case(f"bench {' '.join(line)}", ("bench", *line), nothing)
