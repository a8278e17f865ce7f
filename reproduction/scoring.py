"""The stage that scores the images of every sampling, with what seeds alone make of a score."""

from __future__ import annotations

from typing import Any

import numpy as np

from ddpm.errors import InputError
from ddpm.images import to_uint8
from ddpm.session import SamplingOutcome
from reproduction.frameworks import TITLES
from reproduction.sampling import samples_path
from reproduction.stage import Context

SPLITS = 4  # of the Inception Score: fewer than usual, for sets are small


def score_all(context: Context) -> dict[str, Any]:
    """Score each set of samples against the training set."""
    from ddpm_metrics import features, score

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
    from ddpm_metrics import choose

    reasons = []
    for name in ("inception", "digits"):
        try:
            chosen = choose(name)
            chosen.require(real.shape)
            return chosen, ""
        except InputError as error:
            reasons.append(str(error))
    return None, f"No extractor can see these images: {'; '.join(reasons)}."


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
    count = rows[0]["count"]
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
    remarks.append(
        f"All scores are of {count:,} images, which adds about {rows[0]['fid_bias']:.2f} to"
        f" {label}: compare it only with scores of as many. 'Endless' is extrapolated."
    )
    return remarks


def _signed(value: float) -> str:
    """Return a difference with its sign, nothing without one."""
    return f"{round(value, 4) + 0.0:+.4f}"
