"""Finds out what the options of a command name: pairs, trajectories and tables."""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

from parity.errors import CannotCompare, RestartNeeded


class Subject(NamedTuple):
    """Something to compare, and where it comes from."""

    value: Any
    source: str


def subjects_of(
    options: argparse.Namespace, *, need_inputs: bool = True
) -> tuple[list[Subject], list[CannotCompare]]:
    """Return what the options name, and what kept some of it from being loaded.

    Args:
        options: of a command.
        need_inputs: whether two builders without `--input` are refused.

    Raises:
        CannotCompare: the options name nothing, or contradict each other.
    """
    from parity.pair_loading import load_pairs

    found: list[Subject] = []
    problems: list[CannotCompare] = []
    for name in options.pairs:
        try:
            found += [Subject(value, name) for value in load_pairs(name)]
        except RestartNeeded:
            raise
        except CannotCompare as error:
            problems.append(error)
    inputs = getattr(options, "input", [])
    if options.reference or options.candidate:
        from parity.commands.named_pair import named_pair

        if not (options.reference and options.candidate):
            raise CannotCompare("--reference and --candidate go together: say both builders")
        pair = named_pair(
            options.reference, options.candidate, inputs if need_inputs else None,
            rename=options.rename, training=getattr(options, "training", False),
        )  # fmt: skip
        found.append(Subject(pair, ""))
    elif inputs or options.rename:
        raise CannotCompare("--input and --rename belong to --reference and --candidate")
    if not found and not problems:
        raise CannotCompare("nothing to compare: name a pair, or --reference and --candidate")
    return found, problems
