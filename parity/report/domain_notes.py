"""Words for inputs that left a model's domain."""

from __future__ import annotations

from collections.abc import Iterable

from parity.compare.domains import LeftDomain


def domain_notes(left: Iterable[LeftDomain]) -> list[str]:
    """Return what is said of inputs that left a model's domain, a note for each input."""
    by_input: dict[str, list[str]] = {}
    for place in left:
        name = (
            "a one-ulp perturbation"
            if place.stress_input is None
            else f"stress input {place.stress_input!r}"
        )
        what = place.raised or f"not finite in {place.module or 'the model itself'}"
        by_input.setdefault(name, []).append(what)
    return [
        f"{name} leaves the model's domain at {len(texts)} "
        f"{'place' if len(texts) == 1 else 'places'}, not judged there: {texts[0]}"
        for name, texts in by_input.items()
    ]
