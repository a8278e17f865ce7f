"""`parity tree`: shows the modules and parameters of both sides, and what has no partner."""

from __future__ import annotations

import argparse

from parity.commands.naming.subjects import subjects_of
from parity.errors import CannotCompare
from parity.pair import Pair
from parity.report.tree_text import tree_lines

MATCH, DIFFER = 0, 1


def show_trees(options: argparse.Namespace) -> int:
    """Print both module trees of every pair that the options name; return the exit status."""
    from parity.trace.model_building import tree_of
    from parity.trace.restoring import everything_put_back

    subjects, problems = subjects_of(options, need_inputs=False)
    if problems:
        raise problems[0]
    pairs = [subject for subject in subjects if isinstance(subject.value, Pair)]
    if not pairs:
        raise CannotCompare("only a parity.Pair has module trees, and there is none in it")
    status = MATCH
    for number, (pair, source) in enumerate(pairs):
        with everything_put_back():
            tree = tree_of(pair)
        title = [f"{pair.name}:"] if len(pairs) > 1 else []
        blank = [""] if number else []
        lines = tree_lines(tree, only_differences=options.only_differences, as_options=not source)
        print("\n".join([*blank, *title, *lines]))
        status = max(status, MATCH if tree.matches else DIFFER)
    return status
