"""Matches the paths of the reference's modules and parameters to the candidate's."""

from __future__ import annotations

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
    proposal = dict(zip(missing, extra, strict=False))
    same_shapes = len(missing) == len(extra) and all(
        reference[a] == candidate[b] for a, b in proposal.items()
    )
    same_last_names = all(a.split(".")[-1] == b.split(".")[-1] for a, b in proposal.items())
    distinct_shapes = max(Counter(reference[p] for p in missing).values(), default=0) == 1
    if same_shapes and (same_last_names or distinct_shapes):
        return proposal
    raise CannotCompare(_no_partner(reference, candidate, missing, extra))


def _no_partner(reference: Shapes, candidate: Shapes, missing: list[str], extra: list[str]) -> str:
    problems = []
    if missing:
        problems.append(f"the candidate has no partner for {_listed(missing)}")
    if extra:
        problems.append(f"the reference has none for the candidate's {_listed(extra)}")
    by_shape = {a: b for a in missing for b in extra if reference[a] == candidate[b]}
    advice = f"; say which with rename, perhaps {by_shape!r}" if by_shape else ""
    return "parameters without a partner: " + "; ".join(problems) + advice


def _listed(paths: list[str]) -> str:
    shown = ", ".join(repr(path) for path in paths[:LISTED])
    return shown + (f" and {len(paths) - LISTED} more" if len(paths) > LISTED else "")
