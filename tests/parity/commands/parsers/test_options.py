"""Options that several commands share."""

from __future__ import annotations

import argparse

from parity.commands.parsers.options import add_named_pair, add_pairs, add_seed_and_verbose

WORDS = "a b --reference r:f --candidate c:f --input 3 --input x=4 --rename a=b --seed 3"


def test_they_have_the_same_names_everywhere() -> None:
    parser = argparse.ArgumentParser()
    for add in (add_pairs, add_named_pair, add_seed_and_verbose):
        add(parser)
    options = parser.parse_args(WORDS.split())
    assert options.pairs == ["a", "b"]
    assert (options.reference, options.candidate) == ("r:f", "c:f")
    assert (options.input, options.rename) == (["3", "x=4"], ["a=b"])
    assert (options.seed, options.training, options.verbose) == (3, False, False)
