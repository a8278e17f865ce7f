"""One note for each input that left the model's domain, with the first place in words."""

from __future__ import annotations

from parity.compare.domains import LeftDomain
from parity.report.domain_notes import domain_notes


def test_places_are_counted_by_input() -> None:
    left = [
        LeftDomain("zeros", "a", "the candidate raised"),
        LeftDomain("zeros", "b", "it raised again"),
        LeftDomain(None, "c", "the reference raised"),
        LeftDomain("beyond float16", ""),
    ]
    assert domain_notes(left) == [
        "stress input 'zeros' leaves the model's domain at 2 places, not judged there: "
        "the candidate raised",
        "a one-ulp perturbation leaves the model's domain at 1 place, not judged there: "
        "the reference raised",
        "stress input 'beyond float16' leaves the model's domain at 1 place, not judged there: "
        "not finite in the model itself",
    ]
    assert domain_notes([]) == []
