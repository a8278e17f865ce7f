"""Matches the paths of the reference's modules and parameters to the candidate's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from parity.base.numerics import is_same_shape
from parity.errors import CannotCompare, NoPartner
from parity.structure.proposals import pairs_of_equal_shape, propose

Shapes = Mapping[str, tuple[int, ...]]

# Paths that an error message lists.
LISTED = 5


def without(shapes: Shapes, paths: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all but some paths."""
    left_out = set(paths)
    return {path: shape for path, shape in shapes.items() if path not in left_out}


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
    """Return `rename`, with entries for the names that wrappers put into paths."""
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
    known, by_plain = set(candidate), {_unwrapped(path): path for path in candidate}
    for path in reference:
        partner = renamed(path, result)
        other = by_plain.get(_unwrapped(partner))
        if partner not in known and other is not None:
            result[path] = other
    return result


def _unwrapped(path: str) -> str:
    return ".".join(part for part in path.split(".") if part not in PREFIXES)


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
        NoPartner: a parameter has no partner (the text proposes some), or partners differ in shape.
    """
    partners = {**candidate_buffers, **candidate}
    matched, missing, extra = matched_by_name(
        reference, candidate, rename, candidate_buffers=candidate_buffers
    )
    if missing or extra:
        in_order = matched_by_order(reference, candidate, missing, extra)
        if not in_order:
            raise NoPartner(_no_partner(reference, candidate, matched, missing, extra))
        matched |= in_order
    for path, partner in matched.items():
        if not is_same_shape(reference[path], partners[partner]):
            raise NoPartner(
                f"parameter {path!r} is {reference[path]} in the reference, but {partner!r} is "
                f"{partners[partner]} in the candidate"
            )
    return {path: matched[path] for path in reference}


def matched_by_name(
    reference: Shapes, candidate: Shapes, rename: Mapping[str, str], *, candidate_buffers: Shapes
) -> tuple[dict[str, str], list[str], list[str]]:
    """Match parameters by name alone, whatever their shapes are.

    Returns:
        Partners, reference path -> candidate path; what is left of the reference, and of the
        candidate.
    """
    partners = {**candidate_buffers, **candidate}
    matched = {p: renamed(p, rename) for p in reference if renamed(p, rename) in partners}
    taken = set(matched.values())
    missing = [p for p in reference if p not in matched]
    extra = [p for p in candidate if p not in taken]
    return matched, missing, extra


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
        for parts in (reference_parts, candidate_parts):
            if parts and parts[-1] in PREFIXES:
                parts.pop()
        if reference_parts:
            owners.setdefault(".".join(reference_parts), ".".join(candidate_parts))
    known = set(candidate)
    partners = {path: renamed(path, owners) for path in reference}
    uses = Counter(partners.values())
    return {path: p for path, p in partners.items() if p in known and uses[p] == 1}


def check_rename(paths: Iterable[str], rename: Mapping[str, str]) -> None:
    """Refuse renamings of what is not there.

    Args:
        paths: of the reference's parameters, buffers and modules.
        rename: reference path -> candidate path.

    Raises:
        CannotCompare: a key is no path, nor one above others.
    """
    known = list(paths)
    for path in rename:
        if not any(p == path or p.startswith(f"{path}.") for p in known):
            raise CannotCompare(
                f"rename: the reference has nothing at or below {path!r}; it has {_listed(known)}"
            )


def matched_by_order(
    reference: Shapes, candidate: Shapes, missing: list[str], extra: list[str]
) -> dict[str, str]:
    """Match what is left by the order of definition; return nothing where that is in doubt."""
    in_order = dict(zip(missing, extra, strict=False))
    same_shapes = len(missing) == len(extra) and all(
        is_same_shape(reference[a], candidate[b]) for a, b in in_order.items()
    )
    same_last_names = all(a.split(".")[-1] == b.split(".")[-1] for a, b in in_order.items())
    distinct_shapes = max(Counter(reference[p] for p in missing).values(), default=0) == 1
    if same_shapes and distinct_shapes:
        return in_order
    # Where names suggest another pairing than the order, neither is certain.
    if (
        same_shapes
        and same_last_names
        and pairs_of_equal_shape(reference, candidate, missing, extra) == in_order
    ):
        return in_order
    return {}


def _no_partner(
    reference: Shapes,
    candidate: Shapes,
    matched: Mapping[str, str],
    missing: list[str],
    extra: list[str],
) -> str:
    problems = []
    if missing:
        problems.append(f"the candidate has no partner for {_listed(missing)}")
    if extra:
        problems.append(f"the reference has none for the candidate's {_listed(extra)}")
    proposal = propose(reference, candidate, missing, extra, matched)
    advice = []
    if proposal.rename:
        shown = dict(list(proposal.rename.items())[:LISTED])
        advice.append(f"rename={shown!r}{_more(len(proposal.rename))}")
    if proposal.weights:
        entries = [f"{path!r}: {weight}" for path, weight in proposal.weights.items()]
        advice.append(f"weights={{{', '.join(entries[:LISTED])}}}{_more(len(entries))}")
    if extra and not missing:
        shown_extra = tuple(extra[:LISTED])
        advice.append(f"ignore={shown_extra!r}{_more(len(extra))} if they are no weights")
        if all(path.endswith("bias") for path in extra):
            advice[-1] = "the reference's layers have bias=False"
    if missing and not candidate:
        advice.append("the candidate has no parameters at all")
    text = "parameters without a partner: " + "; ".join(problems)
    return f"{text}; perhaps {', '.join(advice)}" if advice else text


def _more(number: int) -> str:
    return f" and {number - LISTED} more" if number > LISTED else ""


def _listed(paths: list[str]) -> str:
    shown = ", ".join(repr(path) for path in paths[:LISTED])
    return shown + _more(len(paths))
