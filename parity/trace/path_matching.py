"""Matches the paths of the reference's modules and parameters to the candidate's."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping

from parity.errors import CannotCompare

Shapes = Mapping[str, tuple[int, ...]]

# Paths that an error message lists.
LISTED = 5


def renamed(path: str, rename: Mapping[str, str]) -> str:
    """Apply the longest renaming whose key is the path or a parent of it."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        head = ".".join(parts[:length])
        if head in rename:
            return ".".join([p for p in [rename[head], *parts[length:]] if p])
    return path


# What torch.compile and DataParallel put before every path.
PREFIXES = ("module", "_orig_mod")


def with_prefix(
    rename: Mapping[str, str], reference: list[str], candidate: list[str]
) -> dict[str, str]:
    """Return `rename`, with entries for a wrapper's prefix that all of one side's paths have."""
    result = dict(rename)
    for prefix in PREFIXES:
        starts = f"{prefix}."
        of_reference, of_candidate = (
            bool(paths) and all(path.startswith(starts) for path in paths)
            for paths in (reference, candidate)
        )
        if of_reference and not of_candidate:
            result.setdefault(prefix, "")
        elif of_candidate and not of_reference:
            for path in reference:
                head = path.split(".")[0]
                result.setdefault(head, f"{prefix}.{head}")
    return result


def match_parameters(
    reference: Shapes, candidate: Shapes, rename: Mapping[str, str], *, candidate_buffers: Shapes
) -> dict[str, str]:
    """Map the path of each reference parameter to that of a candidate parameter of its shape.

    By name first. The rest is matched by order, if there are as many on both sides, their shapes
    agree one by one, and either their last names do too or all shapes differ.

    Args:
        reference: shapes by path, in order of definition.
        candidate: likewise.
        rename: reference path -> candidate path, of parameters or of modules around them.
        candidate_buffers: shapes by path; a parameter's name may refer to a buffer as well.

    Raises:
        CannotCompare: a key of `rename` matches nothing, a parameter has no partner (the text
            proposes some by shape), or partners differ in shape.
    """
    _check_rename(reference, rename)
    partners = {**candidate_buffers, **candidate}
    matched = {p: renamed(p, rename) for p in reference if renamed(p, rename) in partners}
    taken = set(matched.values())
    missing = [p for p in reference if p not in matched]
    extra = [p for p in candidate if p not in taken]
    if missing or extra:
        matched |= _match_by_order(reference, candidate, missing, extra)
    for path, partner in matched.items():
        if reference[path] != partners[partner]:
            raise CannotCompare(
                f"parameter {path!r} is {reference[path]} in the reference, but {partner!r} is "
                f"{partners[partner]} in the candidate"
            )
    return {path: matched[path] for path in reference}


def match_modules(
    reference: list[str],
    candidate: list[str],
    rename: Mapping[str, str],
    parameters: Mapping[str, str],
) -> dict[str, str]:
    """Map the paths of reference modules to those of candidate modules.

    The partner of a module is the one of the same, renamed path, or else the one that owns the
    partner of its parameter. A module without a partner, or that shares one, is left out; what it
    computes is judged as part of its parent.

    Args:
        reference: paths.
        candidate: paths.
        rename: reference path -> candidate path.
        parameters: matched parameters, reference path -> candidate path.
    """
    owners = dict(rename)
    for path, partner in parameters.items():
        reference_parts, candidate_parts = path.split("."), partner.split(".")
        while reference_parts and candidate_parts and reference_parts[-1] == candidate_parts[-1]:
            reference_parts.pop(), candidate_parts.pop()
        if reference_parts:
            owners.setdefault(".".join(reference_parts), ".".join(candidate_parts))
    known = set(candidate)
    partners = {path: renamed(path, owners) for path in reference}
    uses = Counter(partners.values())
    return {path: p for path, p in partners.items() if p in known and uses[p] == 1}


def _check_rename(reference: Shapes, rename: Mapping[str, str]) -> None:
    for path in rename:
        if not any(p == path or p.startswith(path + ".") for p in reference):
            raise CannotCompare(
                f"rename: the reference has no parameter at or below {path!r}; "
                f"it has {_listed(list(reference))}"
            )


def _match_by_order(
    reference: Shapes, candidate: Shapes, missing: list[str], extra: list[str]
) -> dict[str, str]:
    in_order = dict(zip(missing, extra, strict=False))
    same_shapes = len(missing) == len(extra) and all(
        reference[a] == candidate[b] for a, b in in_order.items()
    )
    same_last_names = all(a.split(".")[-1] == b.split(".")[-1] for a, b in in_order.items())
    distinct_shapes = max(Counter(reference[p] for p in missing).values(), default=0) == 1
    if same_shapes and (distinct_shapes or same_last_names):
        proposal = propose(reference, candidate, missing, extra)
        # Where names suggest another pairing than the order, neither is certain.
        if distinct_shapes or proposal == in_order:
            return in_order
    raise CannotCompare(_no_partner(reference, candidate, missing, extra))


def propose(
    reference: Shapes, candidate: Shapes, missing: list[str], extra: list[str]
) -> dict[str, str]:
    """Return a partner of the same shape for as many paths as possible, each used once.

    Paths whose names are alike come first; among equals, the order of definition decides.
    """
    scored = [
        (-_likeness(a, b), abs(i - j), i, j)
        for i, a in enumerate(missing)
        for j, b in enumerate(extra)
        if reference[a] == candidate[b]
    ]
    found: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, i, j in sorted(scored):
        if i not in found and j not in taken:
            found[i] = j
            taken.add(j)
    return {missing[i]: extra[found[i]] for i in sorted(found)}


def _likeness(a: str, b: str) -> float:
    """Return how alike two paths are: by their last names first, then by all their letters."""
    same_last_name = a.split(".")[-1] == b.split(".")[-1]
    letters = difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()
    return 2.0 * same_last_name + round(letters, 2)


def _no_partner(reference: Shapes, candidate: Shapes, missing: list[str], extra: list[str]) -> str:
    problems = []
    if missing:
        problems.append(f"the candidate has no partner for {_listed(missing)}")
    if extra:
        problems.append(f"the reference has none for the candidate's {_listed(extra)}")
    by_shape = propose(reference, candidate, missing, extra)
    shown = dict(list(by_shape.items())[:LISTED])
    more = f" and {len(by_shape) - LISTED} more" if len(by_shape) > LISTED else ""
    advice = f"; say which with rename, perhaps rename={shown!r}{more}" if by_shape else ""
    if not by_shape and missing and extra:
        advice = "; where layers are fused, split or transposed, say how with weights=…"
    return "parameters without a partner: " + "; ".join(problems) + advice


def _listed(paths: list[str]) -> str:
    shown = ", ".join(repr(path) for path in paths[:LISTED])
    return shown + (f" and {len(paths) - LISTED} more" if len(paths) > LISTED else "")
