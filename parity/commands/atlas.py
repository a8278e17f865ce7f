"""Runs `parity atlas`: of all operators, or of those that a model uses."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from typing import Any

from parity.commands.check import AGREE
from parity.errors import CannotCompare, MissingPackage, NoPair
from parity.pair import Pair
from safe_files import make_folder


def survey_atlas(options: argparse.Namespace) -> int:
    """Survey operators; always return status 0, since divergences are the expected result.

    Raises:
        CannotCompare: a framework is missing, or an option is wrong.
        CannotWrite: a file cannot be written.
    """
    missing = [name for name in ("torch", "jittor") if not find_spec(name)]
    if missing:
        raise MissingPackage(
            f"the atlas needs {' and '.join(missing)}; pip install "
            f"'ddpm-parity[{','.join(missing)}]'"
        )
    for path in (options.json, options.markdown):
        # Checked before minutes of work.
        if path:
            make_folder(path.absolute().parent)
    if options.model is not None:
        return _of_a_model(options)
    if options.input or options.training or options.quick:
        raise CannotCompare("--input, --training and --quick belong to --for")
    from parity.atlas.output import document
    from parity.atlas.output.text import summary
    from parity.atlas.survey import update

    surveyed, stored = update(options.only, options.json)
    print(summary(surveyed))
    if options.markdown:
        document.write(stored, options.markdown)
    return AGREE


def _of_a_model(options: argparse.Namespace) -> int:
    from parity.atlas.model import text
    from parity.atlas.model.effect import with_effects
    from parity.atlas.model.recording import record_uses, reference_of
    from parity.atlas.model.survey import survey

    if options.only:
        raise CannotCompare("--only chooses groups of all operators, and --for those of a model")
    pair = _pair(options)
    reference = reference_of(pair)
    atlas = survey(pair.name, record_uses(reference), quick=options.quick)
    atlas = with_effects(atlas, reference)
    print(text.summary(atlas))
    if options.json:
        atlas.save(options.json)
    if options.markdown:
        text.write(atlas, options.markdown)
    return AGREE


def _pair(options: argparse.Namespace) -> Pair:
    """Return the pair whose reference is surveyed; a builder and its inputs are one too."""
    from parity.commands.naming.named_pair import named_pair
    from parity.pair_loading import load_pairs

    name: str = options.model
    if options.input:
        return named_pair(name, None, options.input, rename=(), training=options.training)
    try:
        pairs: list[Any] = [value for value in load_pairs(name) if isinstance(value, Pair)]
    except NoPair as error:
        raise CannotCompare(f"{error}; of a builder of a model say --input too") from None
    if len(pairs) != 1:
        raise CannotCompare(
            f"--for {name}: name one pair, {name.partition(':')[0]}:PAIR; or a builder of a model, "
            "with --input"
        )
    if options.training:
        raise CannotCompare("--training belongs to --input; a pair says its mode itself")
    return pairs[0]
