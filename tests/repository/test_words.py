"""Words that the project has given up stay out of code, comments, tests and documents.

`retired_words.json` lists them, each with the word to use: under "anywhere" those that appear
nowhere, under "names" those that are ordinary English but name nothing in the code. Both are
regular expressions. The first are for words in lower case, and `TensorStore` and `tensor_store` are
read as two words; the second are for names as they stand, without underscores at their ends.
"""

from __future__ import annotations

import ast
import functools
import io
import json
import re
import subprocess
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RETIRED: dict[str, dict[str, str]] = json.loads(
    (ROOT / "tests" / "repository" / "retired_words.json").read_text(encoding="utf-8")
)
KINDS = ("*.py", "*.md", "*.html", "*.js", "*.css", "*.toml", "*.ini", "*.yml", "*.yaml")
_ANYWHERE = re.compile(rf"\b({'|'.join(RETIRED['anywhere'])})\b")
_NAMES = re.compile("|".join(RETIRED["names"]))
QUESTIONS = re.compile(r"(What|How|Which)\b")


@functools.cache
def tracked(*patterns: str) -> list[str]:
    """Return the files that git knows or would add."""
    found = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    return sorted(name for name in found if (ROOT / name).is_file())


def as_words(text: str) -> str:
    """Split names into words and put everything in lower case; lines stay as they are."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).replace("_", " ").lower()


def replacement(word: str, kind: str) -> str:
    """Return the word to use instead of a retired one."""
    return next(use for pattern, use in RETIRED[kind].items() if re.fullmatch(pattern, word))


def retired_words(text: str) -> Iterator[str]:
    """Yield "line: word -> replacement" for each retired word of a text."""
    for number, line in enumerate(as_words(text).splitlines(), 1):
        for match in _ANYWHERE.finditer(line):
            yield f"{number}: {match[0]} -> {replacement(match[0], 'anywhere')}"


def retired_names(source: str) -> Iterator[str]:
    """Yield "line: name -> replacement" for each retired name of a program."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        name = token.string.strip("_")
        if token.type == tokenize.NAME and _NAMES.fullmatch(name):
            yield f"{token.start[0]}: {token.string} -> {replacement(name, 'names')}"


def questions(source: str) -> Iterator[str]:
    """Yield "line: docstring" for each docstring that begins as a question does."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(source)):
        text = ast.get_docstring(node) if isinstance(node, documented) else None
        if text and QUESTIONS.match(text):
            yield f"{getattr(node, 'lineno', 1)}: {text.splitlines()[0]}"


def found_in(check: Callable[[str], Iterator[str]], *patterns: str) -> str:
    """Return what a check finds in the tracked files, "file:line: finding" in each line."""
    return "\n".join(
        f"{path}:{finding}"
        for path in tracked(*patterns)
        for finding in check((ROOT / path).read_text(encoding="utf-8"))
    )


def test_no_file_holds_a_retired_word() -> None:
    assert found_in(retired_words, *KINDS) == ""


def test_no_program_names_anything_by_a_retired_word() -> None:
    assert found_in(retired_names, "*.py") == ""


def test_no_file_is_named_by_a_retired_word() -> None:
    found = {path: words for path in tracked() if (words := list(retired_words(path)))}
    assert not found


def test_docstrings_state_and_do_not_ask() -> None:
    assert found_in(questions, "*.py") == ""


# Written in two parts, so that this file itself holds none.
RETIRED_WORD = "sh" + "elf"


@pytest.mark.parametrize("form", ["a {}", "Old{.title}", "old_{}", "the\n{}.", "{.upper}"])
def test_a_retired_word_is_found_in_every_form(form: str) -> None:
    word = RETIRED_WORD
    text = form.replace("{.title}", word.title()).replace("{.upper}", word.upper())
    found = [line.split(": ")[1] for line in retired_words(text.replace("{}", word))]
    assert found == [f"{word} -> tensor store"]


@pytest.mark.parametrize(
    "text", [f"{RETIRED_WORD}ish", "the gradient, by the way", "amend it", "classroom"]
)
def test_a_word_that_contains_a_retired_one_is_free(text: str) -> None:
    assert not list(retired_words(text))


def test_a_retired_name_is_found_and_its_english_word_is_not() -> None:
    source = "# It still holds.\nstill = f(ours)\nstill_open = 1\n_lead = 2\n"
    found = [line.partition(" ->")[0] for line in retired_names(source)]
    assert found == ["2: still", "2: ours", "4: _lead"]


def test_a_docstring_that_asks_is_found() -> None:
    source = 'def f():\n    """What it is."""\n\n\nclass C:\n    """Whatever is given."""\n'
    assert list(questions(source)) == ["1: What it is."]
