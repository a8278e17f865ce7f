"""Decides for places at which models draw random numbers of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from parity.verdict import Cause, Judgement, Role, Verdict, cannot_judge

# Size of each draw at one place, by the kind of numbers.
Draws = Mapping[str, Sequence[int]]
# Kinds of draws that the harness cannot give equal numbers to.
NOT_SHARED = ("other", "generator")


def judge_draws(reference: Draws, candidate: Draws, *, shared: bool) -> Judgement | None:
    """Decide for a place where random numbers are drawn; None where its tensors are judged.

    Args:
        reference: the reference's draws at the place, in order.
        candidate: the candidate's.
        shared: whether both sides are given the same numbers.
    """
    if not reference and not candidate:
        return None
    nan = float("nan")
    if not reference or not candidate:
        side: Role = "reference" if reference else "candidate"
        return Judgement(
            verdict=Verdict.SEMANTIC_DIFFERENCE, error=nan, noise=nan,
            cause=Cause.RANDOM_ON_ONE_SIDE, side=side,
        )  # fmt: skip
    if not shared or any(kind in draws for draws in (reference, candidate) for kind in NOT_SHARED):
        return cannot_judge(Cause.RANDOM)
    if dict(reference) != dict(candidate):
        return Judgement(
            verdict=Verdict.SEMANTIC_DIFFERENCE, error=nan, noise=nan, cause=Cause.OTHER_DRAWS
        )
    return None
