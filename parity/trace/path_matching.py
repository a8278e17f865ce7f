"""Which path of the candidate stands for which path of the reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from parity.errors import CannotCompare

Shapes = Mapping[str, tuple[int, ...]]


def renamed(path: str, rename: Mapping[str, str]) -> str:
    """Apply the longest renaming whose key is the path or a parent of it."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        head = ".".join(parts[:length])
        if head in rename:
            return ".".join([p for p in [rename[head], *parts[length:]] if p])
    return path


def match_parameters(
    reference: Shapes, candidate: Shapes, rename: Mapping[str, str], *, known: Shapes
) -> dict[str, str]:
    """Map each reference parameter to a candidate parameter of the same shape.

    By name first; what is left over is matched by order where that leaves no doubt.

    Args:
        reference: shapes by path, in order of definition.
        candidate: likewise.
        rename: the user's own mapping of paths or their parents.
        known: the candidate's other tensors, which a name may refer to as well.

    Raises:
        CannotCompare: a renaming that meets nothing, a parameter without a partner (with what
            might be meant), or two shapes that differ.
    """
    _check_rename(reference, rename)
    everything = {**known, **candidate}
    found = {p: renamed(p, rename) for p in reference if renamed(p, rename) in everything}
    taken = set(found.values())
    missing = [p for p in reference if p not in found]
    extra = [p for p in candidate if p not in taken]
    if missing or extra:
        found |= _match_rest(reference, candidate, missing, extra)
    for path, partner in found.items():
        if reference[path] != everything[partner]:
            raise CannotCompare(
                f"parameter {path!r} is {reference[path]} in the reference, but {partner!r} is "
                f"{everything[partner]} in the candidate"
            )
    return {path: found[path] for path in reference}


def _check_rename(reference: Shapes, rename: Mapping[str, str]) -> None:
    for path in rename:
        if not any(p == path or p.startswith(path + ".") for p in reference):
            raise CannotCompare(
                f"rename: the reference has no parameter at or below {path!r}; "
                f"it has {_some(list(reference))}"
            )


def _match_rest(
    reference: Shapes, candidate: Shapes, missing: list[str], extra: list[str]
) -> dict[str, str]:
    proposal = dict(zip(missing, extra, strict=False))
    in_step = len(missing) == len(extra) and all(
        reference[a] == candidate[b] for a, b in proposal.items()
    )
    same_leaf = all(a.split(".")[-1] == b.split(".")[-1] for a, b in proposal.items())
    alone = max(Counter(reference[p] for p in missing).values(), default=0) == 1
    if in_step and (same_leaf or alone):
        return proposal
    raise CannotCompare(_no_partner(reference, candidate, missing, extra))


def _no_partner(reference: Shapes, candidate: Shapes, missing: list[str], extra: list[str]) -> str:
    text = []
    if missing:
        text.append(f"the candidate has no partner for {_some(missing)}")
    if extra:
        text.append(f"the reference has none for the candidate's {_some(extra)}")
    by_shape = {a: b for a in missing for b in extra if reference[a] == candidate[b]}
    advice = f"; say which with rename, perhaps {by_shape!r}" if by_shape else ""
    return "parameters without a partner: " + "; ".join(text) + advice


def _some(paths: list[str], limit: int = 5) -> str:
    shown = ", ".join(repr(path) for path in paths[:limit])
    return shown + (f" and {len(paths) - limit} more" if len(paths) > limit else "")


def match_modules(
    reference: list[str],
    candidate: list[str],
    rename: Mapping[str, str],
    parameters: Mapping[str, str],
) -> dict[str, str]:
    """Map each reference module that has a counterpart to it; the others stay out.

    A module's partner is the one of the same (renamed) path, or else the one that owns the partner
    of its parameter. What a module without a partner computes is judged as part of its parent.
    """
    owners = dict(rename)
    for path, partner in parameters.items():
        ours, theirs = path.split("."), partner.split(".")
        while ours and theirs and ours[-1] == theirs[-1]:
            ours.pop(), theirs.pop()
        if ours:
            owners.setdefault(".".join(ours), ".".join(theirs))
    there = set(candidate)
    found = {path: renamed(path, owners) for path in reference}
    once = Counter(found.values())
    return {a: b for a, b in found.items() if b in there and once[b] == 1}
