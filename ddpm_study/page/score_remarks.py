"""Sentences about the scores of a run: how to read them, and what they cannot say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def score_remarks(result: dict[str, Any]) -> list[str]:
    """Return the remarks on a result of the stage `scores`."""
    if result["unavailable"]:
        return [
            "These images have no scores, since no feature extractor takes them:"
            f" {', and '.join(result['unavailable'])}. Once the variable DDPM_INCEPTION_WEIGHTS"
            " names a file of weights, add --only scores --overwrite to the command of the run."
        ]
    rows, label = result["rows"], result["label"]
    return [*_differences(rows, label), *_biases(rows[0], label, result["enough"])]


def _differences(rows: list[dict[str, Any]], label: str) -> Iterator[str]:
    torch, jittor, same = (row["fid"] for row in rows[:3])
    yield (
        f"With the same weights and random numbers, Jittor's {label} minus PyTorch's is"
        f" {_signed(same - torch)}; with the weights that each framework trained,"
        f" {_signed(jittor - torch)}."
    )
    seeds = [torch, *(row["fid"] for row in rows[3:])]
    if len(seeds) > 1:
        yield (
            f"PyTorch alone, trained and sampled from {len(seeds)} seeds, ranges from"
            f" {min(seeds):.2f} to {max(seeds):.2f}. A difference between the two frameworks that"
            f" is no larger than this range, {max(seeds) - min(seeds):.2f}, says nothing about"
            " either."
        )


def _biases(row: dict[str, Any], label: str, enough: int) -> Iterator[str]:
    """Name the bias from the finite numbers of samples and of real images."""
    count = row["count"]
    yield (
        f"Every score is of {count:,} images. {_bias(row['fid_bias'], count, label)} Compare these"
        f" scores only with scores of {count:,} images. The column 'at infinity' is an"
        " extrapolation to infinitely many images (Chong and Forsyth 2020)."
    )
    count = row["real_count"]
    if count < enough:
        yield (
            f"The real set has {count:,} images. {_bias(row['fid_bias_real'], count, label)}"
            " Compare scores only against the same real set."
        )


def _bias(bias: float | None, count: int, label: str) -> str:
    if bias is None:
        return f"These are too few to measure how much their small number raises {label}."
    if bias <= 0:  # scatter has carried the estimate of a small bias below 0
        return f"The bias from using {count:,} images is too small to measure."
    return f"Using only {count:,} images raises {label} by about {bias:.2f}."


def _signed(value: float) -> str:
    """Format a difference with its sign; a zero has a plus."""
    return f"{round(value, 4) + 0.0:+.4f}"
