"""Finds out what the options of a command name: pairs, trajectories and tables."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NamedTuple

from parity.errors import CannotCompare, NoPair, RestartNeeded
from parity.pair import Pair


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
        found.append(Subject(_named_pair(options, inputs if need_inputs else None), ""))
    elif inputs or options.rename:
        raise CannotCompare("--input and --rename belong to --reference and --candidate")
    if not found and not problems:
        raise NoPair("nothing to compare: name a pair, or --reference and --candidate")
    return found, problems


def _named_pair(options: argparse.Namespace, inputs: Sequence[str] | None) -> Pair:
    """Return the pair of `--reference` and `--candidate`; with a record one of them is enough."""
    from parity.commands.naming.named_pair import named_pair

    side, against = getattr(options, "side", None), getattr(options, "against", None)
    against = against or getattr(options, "like", None)
    builders = {role: getattr(options, role) for role in ("reference", "candidate")}
    if against is not None and builders["reference"]:
        raise CannotCompare("--reference stands in the record of --against: leave it out")
    needed = [side] if side else ["candidate"] if against is not None else list(builders)
    missing = [role for role in needed if not builders[role]]
    if missing:
        raise CannotCompare(
            "--reference and --candidate go together: say both builders"
            if len(needed) == 2
            else f"--{missing[0]} is missing: say the builder of the side that runs"
        )
    if against is not None and not inputs:
        inputs = None
    return named_pair(
        builders["reference"], builders["candidate"], inputs,
        rename=options.rename, training=getattr(options, "training", False),
        is_recorded=against is not None,
    )  # fmt: skip
