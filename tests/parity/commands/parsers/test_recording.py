"""The help of `parity record` and `parity diff` teaches by examples that parse."""

from __future__ import annotations

import argparse
import shlex

import pytest

from parity.commands.parsers import recording as parsers


@pytest.mark.parametrize("notes", [parsers.RECORD_NOTES, parsers.DIFF_NOTES])
def test_the_examples_are_commands(notes: str) -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    parsers.add_record(commands)
    parsers.add_diff(commands)
    examples = [line.strip() for line in notes.splitlines() if line.startswith("  parity ")]
    own = [line for line in examples if line.split()[1] in ("record", "diff")]
    assert own
    for line in own:
        assert callable(parser.parse_args(shlex.split(line)[1:]).command)
