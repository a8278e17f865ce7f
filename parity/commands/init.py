"""`parity init`: looks for the models in a folder, and writes a file of pairs to edit."""

from __future__ import annotations

import argparse
import itertools
import keyword
import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from parity.errors import CannotCompare
from parity.structure.found_models import Found, FoundModel, find_models, outermost
from safe_files import CannotWrite, write_text

LISTED = 20
HEAD = '''\
"""Pairs of models, written by `parity init`. Lines with EDIT are yours to complete."""

from __future__ import annotations

from pathlib import Path

from parity import Pair
from parity.pair_loading import load_object

HERE = Path(__file__).parent


def EDIT(what):
    raise NotImplementedError(f"{Path(__file__).name}: say {what}")
'''
# Names that the file itself has.
_NAMES = ("annotations", "Path", "Pair", "load_object", "HERE", "EDIT", "generator")
# Names that arguments with numbers of steps have.
_STEPS = re.compile(r"t|ts|time|times|timesteps?|steps?|sigma|noise_level")
_TOKENS = re.compile(r"(input_)?(ids?|tokens?)|labels?|y|idx|classes")


def write_pairs(options: argparse.Namespace) -> int:
    """Write the file, say what is in it and what comes next, and return 0.

    Raises:
        CannotCompare: the folder has no two models to compare.
        CannotWrite: the file exists, or cannot be written.
    """
    folder, out = options.folder, options.out
    if not folder.is_dir():
        raise CannotCompare(f"{folder} is no folder")
    if out.exists():
        raise CannotWrite(f"{out} exists and stays as it is: choose another name with --out")
    found = find_models(folder)
    pairs, alone = matched(found.models)
    if not pairs:
        raise CannotCompare(_nothing(folder, found))
    write_text(out, file_of_pairs(pairs, alone, out))
    for path in found.unreadable:
        print(f"{path} is no valid Python and was left out")
    print(f"{out}: {len(pairs)} pair{'s' if len(pairs) > 1 else ''}")
    for reference, candidate in pairs:
        print(f"  {_place(reference)} against {_place(candidate)}")
    if alone:
        print(f"without a partner: {', '.join(map(_place, alone[:LISTED]))}")
    print(f"next: complete the lines with EDIT, then parity tree {out}, parity check {out}")
    return 0


def matched(
    models: Sequence[FoundModel],
) -> tuple[list[tuple[FoundModel, FoundModel]], list[FoundModel]]:
    """Return pairs of models of one name, and the models without a partner.

    A model of PyTorch meets the one of its name in Jittor; where there are no models in Jittor, the
    one of its name in another file. Parts of other models are left out.
    """
    outer = outermost(list(models))
    names = dict.fromkeys(model.name for model in outer)
    pairs, alone = [], []
    is_cross = any(model.framework == "jittor" for model in outer)
    for name in names:
        own = [model for model in outer if model.name == name]
        originals = [model for model in own if model.framework == "torch"]
        ports = [model for model in own if model.framework != "torch"]
        if not is_cross:
            originals, ports = originals[:1], originals[1:]
        if originals and ports:
            pairs.append((originals[0], ports[0]))
            alone += [*originals[1:], *ports[1:]]
        else:
            alone += own
    return pairs, alone


def file_of_pairs(
    pairs: Sequence[tuple[FoundModel, FoundModel]], alone: Sequence[FoundModel], out: Path
) -> str:
    """Return the text of a file of pairs.

    Args:
        pairs: reference and candidate.
        alone: models without a partner, which are listed in a comment.
        out: where the file will be; its paths are relative to that folder.
    """
    parts = [HEAD]
    taken = {*keyword.kwlist, *keyword.softkwlist, *_NAMES}
    for reference, candidate in pairs:
        stem = _free_name(_snake(reference.name), taken)
        taken |= set(_names_of(stem))
        for role, model in (("reference", reference), ("candidate", candidate)):
            where = Path(os.path.relpath(model.path, out.absolute().parent)).as_posix()
            given = ", ".join(f'{name}=EDIT("{name} of {model.name}")' for name in model.needed)
            parts.append(
                f"\n\ndef {stem}_{role}():\n"
                f'    return load_object(f"{{HERE}}/{where}:{model.name}")({given})\n'
            )
        arrays = "".join(f'        "{name}": {_drawn(name)},\n' for name in reference.inputs)
        parts.append(
            f"\n\ndef {stem}_inputs(generator):  # EDIT: shapes, and limits of integers\n"
            f"    return {{\n{arrays}    }}\n"
            f'\n\n{stem} = Pair(\n    name="{reference.name}",\n'
            f"    reference={stem}_reference,\n    candidate={stem}_candidate,\n"
            f"    inputs={stem}_inputs,\n)\n"
        )
    if alone:
        listed = "".join(f"\n# {_place(model)}" for model in alone)
        parts.append(f"\n# Models without a partner of their name:{listed}\n")
    return "".join(parts)


def _drawn(argument: str) -> str:
    if _STEPS.fullmatch(argument):
        return "generator.integers(0, 1000, 2)"
    if _TOKENS.fullmatch(argument):
        return "generator.integers(0, 10, (2, 16))"
    return 'generator.standard_normal((2, 3, 32, 32)).astype("float32")'


def _nothing(folder: Path, found: Found) -> str:
    if not found.models:
        return f"{folder} has no class that is a module of PyTorch or Jittor"
    names = ", ".join(_place(model) for model in found.models[:LISTED])
    return (
        f"{folder} has no two models of one name to compare; it has {names}. Write a pair of "
        "others by hand, or name them: parity check --reference … --candidate … --input …"
    )


def _place(model: FoundModel) -> str:
    return f"{model.path}:{model.name} ({model.framework})"


def _names_of(stem: str) -> list[str]:
    """Return the names that a pair takes in the file."""
    return [stem, *(f"{stem}_{part}" for part in ("reference", "candidate", "inputs"))]


def _free_name(stem: str, taken: Collection[str]) -> str:
    """Return a name for a pair of which nothing is taken, `net`, `net_2`, `net_3` and so on."""
    numbered = (stem if number == 1 else f"{stem}_{number}" for number in itertools.count(1))
    return next(name for name in numbered if not set(_names_of(name)) & set(taken))


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
