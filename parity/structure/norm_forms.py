"""Matches weight norm and spectral norm in PyTorch's old form with the new one.

`torch.nn.utils.weight_norm` keeps `weight_g` and `weight_v`, and its successor in
`torch.nn.utils.parametrizations` has `parametrizations.weight.original0` and `original1`;
`spectral_norm` has `weight_orig`, `weight_u` and `weight_v`, and its successor
`parametrizations.weight.original`, `0._u` and `0._v`. The tensors are the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from parity.structure.path_matching import renamed

_NEW = re.compile(r"(?P<owner>(?:.+\.)?)parametrizations\.(?P<name>\w+)\.(?P<part>[\w.]+)")
# Last part of the new name -> end of the old one; for weight norm, and for spectral norm.
_WEIGHT_NORM = {"original0": "g", "original1": "v"}
_SPECTRAL_NORM = {"original": "orig", "0._u": "u", "0._v": "v"}


def matched_norm_forms(
    reference: Collection[str], candidate: Collection[str], rename: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Return renamings of tensors that one side has in the old form and the other in the new.

    Args:
        reference: paths of parameters and buffers.
        candidate: likewise.
        rename: as `Pair` has it.

    Returns:
        Reference path -> candidate path, and notes that say so.
    """
    newer = {p: old for p in reference if (old := renamed(_old_name(p), rename)) in candidate}
    by_candidate = {renamed(path, rename): path for path in reference}
    older = {by_candidate[old]: p for p in candidate if (old := _old_name(p)) in by_candidate}
    notes = [
        f"{', '.join(sorted(owners))}: the normalisation of weights is in its old form in the "
        f"{role} and in its new form in the other; matched"
        for role, pairs in (("candidate", newer), ("reference", older))
        if (owners := {_owner(path) for path in pairs})
    ]
    return {**older, **newer}, notes


def folded(reference: Collection[str], candidate: Collection[str]) -> str:
    """Return a remark on weights that are normalised on one side alone, `""` if there are none."""
    for role, normed, plain in (
        ("reference", reference, candidate), ("candidate", candidate, reference),
    ):  # fmt: skip
        olds = {_old_name(path) or path for path in normed}
        for path in olds:
            plain_path = path.removesuffix("_g")
            if path.endswith("_g") and f"{plain_path}_v" in olds and plain_path in plain:
                return (
                    f"{plain_path!r} has weight norm in the {role} alone: remove it there, with "
                    "remove_weight_norm, or add it to the other side"
                )
    return ""


def _old_name(path: str) -> str:
    """Return the name of the old form of a tensor of the new form; `""` for any other."""
    match = _NEW.fullmatch(path)
    if match is None:
        return ""
    end = {**_WEIGHT_NORM, **_SPECTRAL_NORM}.get(match["part"])
    return "" if end is None else f"{match['owner']}{match['name']}_{end}"


def _owner(path: str) -> str:
    match = _NEW.fullmatch(path)
    owner = match["owner"] if match else path.rpartition(".")[0]
    return owner.rstrip(".") or "the model itself"
