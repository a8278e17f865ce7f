"""Files of pairs that do not load, hold something else, or list what is not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.reliability.case import (
    EITHER,
    REFUSED,
    SOUND,
    Case,
    Rule,
    Write,
    always,
    cut,
    generator,
    holding,
    together,
)
from tests.reliability.paths import unusable

KIND = "pairs"
_START = """\
import numpy as np
import torch
from torch import nn
from parity import Pair

def build():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))

def inputs(generator):
    return {"input": generator.standard_normal((2, 3), dtype="float32")}

def draw(generator):
    return generator.standard_normal((2, 3), dtype="float32")

"""
_GOOD = _START + 'pair = Pair(name="p", reference=build, candidate=build, inputs=inputs'
# Field -> values that it cannot have.
_FIELDS: dict[str, tuple[str, ...]] = {
    "reference": (
        "None",
        "5",
        "'text'",
        "lambda: None",
        "lambda: 5",
        "lambda: 1 / 0",
        "[]",
        "lambda x: x",
        "lambda: torch.zeros(2)",
        "lambda: exit(0)",
        "lambda: object()",
        "lambda: (_ for _ in ()).throw(SystemExit(1))",
        "lambda: nn.Linear",
    ),
    "candidate": (
        "None",
        "5",
        "lambda: None",
        "lambda: 1 / 0",
        "lambda: {}",
        "lambda: exit(1)",
        "lambda: nn.Linear(3, 5)",
        "lambda: nn.Sequential()",
        "'build'",
    ),
    "inputs": (
        "None",
        "5",
        "{}",
        "lambda g: None",
        "lambda g: {}",
        "lambda g: {'input': None}",
        "lambda g: {'wrong': draw(g)}",
        "lambda g: 1 / 0",
        "lambda: 5",
        "lambda g: 'text'",
        "lambda g: {'input': draw(g) * np.nan}",
        "lambda g: {'input': np.zeros((2, 9), 'f')}",
        "lambda g: {5: draw(g)}",
        "lambda g: {'input': object()}",
        "lambda g: exit(0)",
        "lambda g: {'input': np.zeros((0, 3), 'f')}",
        "lambda g: {'input': np.array(['a'])}",
        "lambda g: (draw(g),) * 9",
        "lambda g: {'input': np.zeros((2, 3), 'O')}",
    ),
    "name": ("None", "5", "''", "[]", "'a' * 5000", "'a\\nb'", "object()"),
    "rename": (
        "None",
        "5",
        "'x'",
        "{'0': 'no'}",
        "{'no': '0'}",
        "{5: 6}",
        "[]",
        "{'0': None}",
        "{'0.weight': '2.weight'}",
    ),
    "weights": (
        "None",
        "5",
        "{'no': '0.weight'}",
        "{'0.weight': 'no'}",
        "{'0.weight': None}",
        "{'0.weight': 5}",
        "[]",
        "{'0.weight': '2.weight'}",
        "{5: 5}",
        "'x'",
    ),
    "ignore": ("None", "5", "['no.such']", "[5]", "'0.weight'", "[None]", "{}"),
    "argument_names": ("None", "5", "{'no': 'x'}", "{'input': 'no'}", "{5: 5}", "[]"),
    "training": ("None", "5", "'yes'", "[]"),
    "loss": (
        "5",
        "'mse'",
        "{}",
        "{'jax': sum}",
        "lambda y: None",
        "lambda y: 1 / 0",
        "[]",
        "lambda y: 'text'",
        "lambda: 0",
        "lambda y: y",
        "{'torch': 5}",
        "lambda y: exit(0)",
    ),
    "optimizer": (
        "5",
        "'adam'",
        "{}",
        "{'torch': 5}",
        "{'torch': lambda p: None}",
        "[]",
        "{'torch': lambda p: 1 / 0}",
        "{'jittor': lambda p: p}",
        "lambda p: p",
    ),
    "init": ("5", "'yes'", "None", "[]"),
    "random": ("5", "'other'", "True", "[]"),
    "stress_inputs": ("()", "['no']", "5", "None", "'plain'", "[5]"),
    "no_such_field": ("5",),
    "allow": (
        "None",
        "5",
        "'x'",
        "{'no.such': 'reason'}",
        "{'0': ''}",
        "{'0': None}",
        "{5: 'r'}",
        "[]",
        "['0']",
        "{'0': 5}",
        "{'': 'reason'}",
        "{'0': 'never abstains'}",
        "{'*': 'all'}",
        "{None: 'r'}",
        "{'0': ['r']}",
        "{'0' * 5000: 'r'}",
    ),
    "accept": (
        "None",
        "5",
        "'x'",
        "{'no.such': 'reason'}",
        "{'torch': 'r'}",
        "[]",
        "['x']",
        "{5: 'r'}",
        "{'jittor.batch_norm.running_var': 'not in it'}",
        "{None: None}",
        "{'jittor.batch_norm.running_var': ''}",
        "{'jittor.adam.epsilon': None}",
    ),
}
# Values that a field takes after all, or whose meaning no rule of this file decides.
_EITHER = {
    "name": ("''", "'a' * 5000", "'a\\nb'"),
    "training": ("None", "5", "'yes'", "[]"),
    "loss": ("{}", "[]"),
    "optimizer": ("{}", "[]"),
    "candidate": ("lambda: nn.Linear(3, 5)",),
    "reference": ("lambda: nn.Linear",),
    # A name that a side does not know is matched by its place.
    "inputs": ("lambda g: {'input': np.zeros((0, 3), 'f')}", "lambda g: {'wrong': draw(g)}"),
    # What has the same name on both sides is matched whatever else `rename` says.
    "rename": ("{'0': 'no'}",),
}
_MODULES = (
    *("", "pair = 5", "pair = None", "pair = []", "pair = {}", "pair = 'x'", "def pair(): pass"),
    *("pair = [1, 2]", "1 / 0", "import no_such_module", "import sys; sys.exit(0)", "exit(1)"),
    *("raise SystemExit", "raise KeyError", "def pair(", "pair = Pair()", "\0", "assert False"),
    *(
        "raise BaseException('x')",
        "raise GeneratorExit",
        "def pair(): return 5",
        "from os import _x",
    ),
    *("def pair(): raise ValueError('a\\nb')", "def pair(x): return x", "class pair: pass"),
    *("pair = lambda: None", "import pair_module_that_is_not_there as pair", "x = " + "(" * 300),
    *(
        "raise Exception('\\x1b[31m' + 'long ' * 1000)",
        "pair = (yield)",
        "# -*- coding: nothing -*-",
    ),
    *("def pair(): return pair()", "import threading; pair = threading.Lock()", "pair = build"),
    *("class E(Exception):\n    def __str__(self): raise ValueError\nraise E", "pair = Pair"),
)


def cases(folder: Path) -> Iterator[Case]:
    """Yield every case; `folder` holds the bases."""
    for command in ("check", "tree"):
        for number, source in enumerate(_MODULES):
            name = f"{command}: module {number}, {source[:24]!r}"
            write = holding("bad_pairs.py", source + "\n")
            yield _case(name, command, "bad_pairs.py:pair", write, always(REFUSED))
            if number % 4 == 0:
                yield _case(f"{name}, all of it", command, "bad_pairs.py", write, always(REFUSED))
        for label, (path, write) in unusable("bad_pairs.py").items():
            yield _case(f"{command}: {label}", command, path, write, always(REFUSED))
    for field, values in _FIELDS.items():
        for value in values:
            source = f"{_START}pair = Pair(**{{**dict(name='p', reference=build, candidate=build,"
            source += f" inputs=inputs), {field!r}: {value}}})\n"
            either = value in _EITHER.get(field, ())
            write = holding("bad_pairs.py", source)
            rule = always(EITHER if either else REFUSED)
            yield _case(f"{field} = {value}", "check", "bad_pairs.py:pair", write, rule)
    yield from _sources()
    yield from _reports(folder)


def _case(name: str, command: str, words: str, write: Write, rule: Rule) -> Case:
    return Case(
        kind=KIND,
        name=name,
        words=("parity", command, words),
        write=write,
        rule=rule,
        statuses=(0, 1),
    )


def _sources() -> Iterator[Case]:
    """Yield good files that are cut, which Python's own compiler judges, or not UTF-8."""
    good = (_GOOD + ")\n").encode()
    random = generator(KIND)

    def judged(folder: Path) -> str:
        source = (folder / "bad_pairs.py").read_bytes()
        try:
            compile(source, "bad_pairs.py", "exec")
        except (SyntaxError, ValueError):
            return REFUSED
        return SOUND if b"inputs=inputs)" in source else REFUSED

    for offset in sorted(set(random.integers(1, len(good), 30).tolist())):
        write = holding("bad_pairs.py", cut(good, offset))
        yield _case(f"a file cut at {offset}", "check", "bad_pairs.py:pair", write, judged)
    for label, content in (("latin-1", "# \xe9\n".encode("latin1")), ("UTF-16", b"\xff\xfe#\0")):
        write = holding("bad_pairs.py", content + good)
        yield _case(f"a file in {label}", "check", "bad_pairs.py:pair", write, judged)
    for name in (
        "bad_pairs:none",
        "bad_pairs:",
        ":pair",
        ":",
        "",
        "bad_pairs.pair",
        "a.b.c:d",
        "..:x",
        "bad_pairs.py:pair:more",
        "bad_pairs.py:__name__",
        "bad_pairs.py:build",
        "os:path",
        "no-module:x",
        "1:2",
        "bad pairs:pair",
        "bad_pairs.py:",
        "./:x",
        "json:dumps",
        "-",
        "sys:exit",
        "pair;x:y",
        "%s:%d",
        "{}:{}",
        "é:é",
    ):
        either = name in ("bad_pairs:", "bad_pairs.py:")
        yield _case(
            f"named {name!r}",
            "check",
            name,
            holding("bad_pairs.py", good),
            always(EITHER if either else REFUSED),
        )


def _reports(folder: Path) -> Iterator[Case]:
    """Yield reports for `parity explain` that are cut or hold other values."""
    good = (folder / "run" / "parity.json").read_bytes()
    values = json.loads(good)
    random = generator(KIND, "reports")

    def case(name: str, content: bytes | str, answer: str = REFUSED) -> Case:
        words = ("parity", "explain", "bad.json")
        return Case(
            kind=KIND,
            name=f"explain: {name}",
            words=words,
            rule=always(answer),
            write=together(holding("bad.json", content)),
            statuses=(0, 1),
        )

    for offset in sorted({0, 1, *random.integers(2, len(good) - 2, 12).tolist()}):
        yield case(f"cut at {offset}", cut(good, offset))
    for entire in (b"null", b"[]", b"{}", b"5", b"NaN", b"\xff\xfe", b"[" * 200_000, b"nonsense"):
        yield case(f"{entire[:8]!r} of {len(entire)}", entire)
    for key in ("schema", "pair", "notes", "environment", "seconds", "findings", "parameters"):
        for wrong in (None, 5, "x", [5], {"a": 5}, float("nan"), [None]):
            is_text = key == "pair" and wrong == "x"
            number = key == "seconds" and wrong == 5
            form = (key == "notes" and wrong in (["x"],)) or is_text or number
            answer = EITHER if form or (key == "parameters" and wrong == {"a": 5}) else REFUSED
            yield case(f"{key} = {wrong!r}", json.dumps({**values, key: wrong}), answer)
        without = {name: value for name, value in values.items() if name != key}
        # Reports of version 0.1 have no numbers of parameters.
        answer = SOUND if key == "parameters" else REFUSED
        yield case(f"without {key}", json.dumps(without), answer)
    for key in values["findings"][0]:
        for wrong in (..., None, 5, [], {"a": 1}, float("nan")):
            finding = {**values["findings"][0], key: wrong}
            if wrong is ...:
                del finding[key]
            text = json.dumps({**values, "findings": [finding, *values["findings"][1:]]})
            strict = key in ("path", "phase", "verdict") and wrong != float("inf")
            yield case(f"finding.{key} = {wrong!r}", text, REFUSED if strict else EITHER)
    for label, (path, write) in unusable("bad.json").items():
        yield Case(
            kind=KIND,
            name=f"explain: {label}",
            words=("parity", "explain", path),
            write=write,
            statuses=(0, 1),
        )
