"""Two sides' runs, judged tensor by tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from parity.base.memory import give_back
from parity.compare.arrays import judge_arrays, located
from parity.noise import term_counts
from parity.noise.cancellation_scale import CancellationScale
from parity.noise.noise_profile import NoiseProfile
from parity.noise.rough_difference import rough_differences
from parity.noise.side_arrays import Sums
from parity.noise.side_runner import SideRunner
from parity.noise.term_counts import TermCount
from parity.trace.sites import TensorSite
from parity.verdict import Judgement


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two sides to be run, and what is known of them.

    Attributes:
        reference, candidate: the sides; the reference's values in float64 are what is expected.
        is_plain_input: whether the inputs are ones that models meet, and not stress inputs; then
            both sides must be finite.
        check_determinism: whether each side is also run against itself, and perturbed more often.
        cancellation_scale: (site) -> magnitude of the terms summed into a gradient. Where they
            cancel, rounding is relative to them and not to the gradient. 0: use the gradient's own
            size.
        terms: (site) -> largest number of terms summed into an element of its tensor.
        terms_alike: whether the inputs are all alike, and with them the terms of sums.
        cross_framework: whether the sides are of two frameworks, one of which could keep the
            other's memory.
    """

    reference: SideRunner
    candidate: SideRunner
    is_plain_input: bool
    check_determinism: bool
    cancellation_scale: CancellationScale
    terms: TermCount = term_counts.one
    terms_alike: bool = False
    cross_framework: bool = False


class Judge(Protocol):
    """A function that judges a comparison: `judge_comparison`, or one that wraps it."""

    def __call__(self, comparison: Comparison, *, seed: int) -> dict[TensorSite, Judgement]:
        """Judge every tensor of a comparison."""


def judge_comparison(comparison: Comparison, *, seed: int) -> dict[TensorSite, Judgement]:
    """Judge every tensor that the reference reaches, and every output that only the candidate has.

    Left out: a tensor of the reference that a stress input drives out of the finite numbers.
    """
    profiles = []
    for runner in (comparison.reference, comparison.candidate):
        profiles.append(
            NoiseProfile(runner, check_determinism=comparison.check_determinism, seed=seed)
        )
        if comparison.cross_framework:
            give_back()
    reference, candidate = profiles
    sites = list(reference.float64)
    sites += [s for s in candidate.float64 if s not in reference.float64 and _is_output(s)]

    def judged(
        site: TensorSite, terms: float = 1.0, rough_difference: float = 0.0
    ) -> Judgement | None:
        scale = comparison.cancellation_scale(site) if site in reference.float64 else 0.0
        return judge_arrays(
            reference.at(site),
            candidate.at(site),
            is_plain_input=comparison.is_plain_input,
            sums=Sums(scale, terms, comparison.terms_alike),
            rough_difference=rough_difference,
            # What a module is given by other arguments is judged where it comes out.
            may_be_missing=site.tap is not None and site.tap.port == "input",
        )

    judgements = {site: judged(site) for site in sites}
    suspects = {s: j for s, j in judgements.items() if j is not None and j.may_be_rounding}
    in_float64 = [site for site, j in suspects.items() if j.precision == "float64"]
    rough: dict[TensorSite, float] = {}
    if in_float64:
        rough = rough_differences(comparison.reference, comparison.candidate, in_float64, seed)
    for site in suspects:
        judgements[site] = judged(site, comparison.terms(site), rough.get(site, 0.0))
    return {
        site: located(judgement, reference.at(site), candidate.at(site))
        for site, judgement in judgements.items()
        if judgement is not None
    }


def _is_output(site: TensorSite) -> bool:
    return site.quantity in ("output", "output_gradient")
