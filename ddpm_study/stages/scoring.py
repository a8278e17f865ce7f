"""The stage that scores the images of every sampling, with what seeds alone make of a score."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ddpm.errors import InputError
from ddpm.images import to_uint8
from ddpm.sampling import SamplingOutcome
from ddpm_study.stage import Context
from ddpm_study.stages.sampling import samples_path
from implementations import TITLES

SPLITS = 4  # of the Inception Score: fewer than usual, for sets are small


def score_all(context: Context) -> dict[str, Any]:
    """Score each set of samples against the training set."""
    from ddpm_study.metrics import features, score

    real = to_uint8(context.images)
    extractor, why = _extractor(real)
    if extractor is None:
        return {"label": "FID", "inception_label": "Inception Score", "rows": [], "remarks": [why]}
    known = features(real, extractor)
    rows = []
    for title, side, place in _sets(context):
        images = to_uint8(SamplingOutcome.load(samples_path(context, place)).images)
        found = score(features(images, extractor), known, extractor, splits=_splits(images))
        rows.append({"title": title, "side": side, "place": place, **found.to_dict()})
    return {
        "label": extractor.fid_label,
        "inception_label": extractor.inception_label,
        "extractor": extractor.identity,
        "rows": rows,
        "remarks": _remarks(rows, extractor.fid_label),
        **_scatter(rows),
    }


def _extractor(real: np.ndarray) -> tuple[Any, str]:
    """Return what can see the images, or None and why: Inception where its weights are named."""
    from ddpm_study.metrics import choose

    reasons = []
    for name in ("inception", "digits"):
        try:
            chosen = choose(name)
            chosen.require(real.shape)
            return chosen, ""
        except InputError as error:
            reasons.append(str(error).partition(";")[0])  # behind it stands what ddpm fid can do
    return None, (
        f"No extractor can see these images, so they have no scores: {', and '.join(reasons)}. Once"
        " the variable DDPM_INCEPTION_WEIGHTS names a file of weights, add --only scores"
        " --overwrite to the command of the run."
    )


def _sets(context: Context) -> list[tuple[str, str, str]]:
    """Return title, side and place of every set of samples; other seeds have no side."""
    sets = [(f"{TITLES[f]}, own weights", f, f) for f in TITLES]
    sets.append(("Jittor, PyTorch's weights", "jittor", "jittor-from-torch"))
    others = context.folder.record("seeds")
    for run in others.result["runs"] if others is not None else []:
        sets.append((f"PyTorch, seed {run['seed']}", "", run["place"]))
    return sets


def _splits(images: np.ndarray) -> int:
    return min(SPLITS, max(1, len(images) // 4))


def _scatter(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the gaps between the frameworks, and how far seeds alone scatter."""
    own, theirs, same = rows[:3]
    seeds = [own, *rows[3:]]
    return {
        "fid_gap_own": theirs["fid"] - own["fid"],
        "fid_gap_same": same["fid"] - own["fid"],
        "inception_gap_own": theirs["inception_score"] - own["inception_score"],
        "fid_over_seeds": [row["fid"] for row in seeds],
        "inception_over_seeds": [row["inception_score"] for row in seeds],
    }


def _remarks(rows: list[dict[str, Any]], label: str) -> list[str]:
    own, theirs, same = (row["fid"] for row in rows[:3])
    remarks = [
        f"From the same weights and random numbers, {label} of Jittor less that of PyTorch is"
        f" {_signed(same - own)}; each from its own weights, {_signed(theirs - own)}.",
    ]
    seeds = [own, *(row["fid"] for row in rows[3:])]
    if len(seeds) > 1:
        remarks.append(
            f"PyTorch alone, trained and sampled from {len(seeds)} seeds, scatters over"
            f" {max(seeds) - min(seeds):.2f} ({min(seeds):.2f} to {max(seeds):.2f}): a difference"
            " of that size between two frameworks says nothing about either."
        )
    return [*remarks, *_of_their_number(rows[0], label)]


def _of_their_number(row: dict[str, Any], label: str) -> Iterator[str]:
    """Say what the finite numbers of samples and of real images add to a score."""
    from ddpm_study.metrics.score import ENOUGH

    yield (
        f"All scores are of {row['count']:,} images{_adds(row['fid_bias'], label)}: compare them"
        " only with scores of as many. 'Endless' is extrapolated."
    )
    if row["real_count"] < ENOUGH:
        yield (
            f"The real set has {row['real_count']:,} images{_adds(row['fid_bias_real'], label)}:"
            " compare scores only against the same set."
        )


def _adds(bias: float | None, label: str) -> str:
    """Say what a number of images adds; an estimate that scatter has carried below 0 is none."""
    if bias is None:
        return f", too few to say what that adds to {label}"
    much = f"about {bias:.2f}" if bias > 0 else "less than scatters"
    return f", which adds {much} to {label}"


def _signed(value: float) -> str:
    """Return a difference with its sign, nothing without one."""
    return f"{round(value, 4) + 0.0:+.4f}"
