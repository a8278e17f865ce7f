"""`ddpm fid`: measure how far samples are from real images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ddpm.errors import InputError
from ddpm_cli.options import extractor_options, file_or_folder
from safe_files import write_text

if TYPE_CHECKING:
    from ddpm_study.metrics import Scores


@click.command()
@click.option(
    "--real",
    required=True,
    type=file_or_folder,
    help="Real images: an .npz of ddpm prepare, or a folder of PNG files.",
)
@click.option(
    "--fake",
    type=file_or_folder,
    default=Path("fid"),
    help="Samples: a folder of PNG files, or an .npz.",
)
@click.option(
    "--out", type=file_or_folder, default=Path("fid_score.txt"), help="The file to write."
)
@click.option("--batch-size", type=click.IntRange(min=1), default=64, help="Images at a time.")
@extractor_options
def command(
    real: Path, fake: Path, out: Path, batch_size: int, extractor: str, weights: Path | None
) -> None:
    """Score samples against real images: FID, KID, precision and recall.

    The first line of the output is the FID. Below it are its 95 % interval, FID at infinity (the
    FID extrapolated to infinitely many samples, Chong and Forsyth 2020) and the other scores. The
    features of the real images are cached in ~/.cache.
    """
    from ddpm_study.metrics import choose, features, score
    from ddpm_study.metrics.features.cache import cached_features
    from ddpm_study.metrics.image_loading import read_images
    from ddpm_study.metrics.score import require_enough

    chosen = choose(extractor, weights)
    samples, real_images = read_images(fake), read_images(real)
    require_enough(len(samples))
    require_enough(len(real_images))
    if samples.shape[1:] != real_images.shape[1:]:
        raise InputError(
            f"{fake} holds images of {samples.shape[1:]} and {real} of {real_images.shape[1:]};"
            " prepare the real set in the samples' size"
        )
    scores = score(
        features(samples, chosen, batch_size=batch_size),
        cached_features(real_images, chosen, batch_size=batch_size),
        chosen,
        splits=1,
    )
    lines = [*_lines(scores), *_warnings(scores)]
    write_text(out, "\n".join(lines) + "\n")
    click.echo("\n".join(lines))


def _lines(scores: Scores) -> Iterator[str]:
    low, high = scores.fid_interval
    yield f"{scores.label} score: {scores.fid:.4f}"
    yield f"95 % interval: {low:.4f} to {high:.4f}, by resampling {scores.count:,} samples"
    if scores.fid_infinity is None:
        yield f"FID at infinity: {scores.count:,} samples are too few to extrapolate"
    else:
        yield (
            f"FID at infinity: {scores.fid_infinity:.4f} (extrapolated); the bias from using"
            f" {scores.count:,} samples is {scores.fid_bias:+.4f}"
        )
    yield f"KID: {scores.kid:.6f} ± {scores.kid_std:.6f}"
    yield f"precision: {scores.precision:.4f}, recall: {scores.recall:.4f}"


def _warnings(scores: Scores) -> Iterator[str]:
    from ddpm_study.metrics.score import ENOUGH

    if scores.count < ENOUGH:
        also = ", or FID at infinity" if scores.fid_infinity is not None else ""
        yield (
            f"warning: {scores.count:,} samples score worse than more would; compare only scores of"
            f" as many samples{also}"
        )
    if scores.real_count < ENOUGH:
        bias = "they are too few to estimate how much"
        if scores.fid_bias_real is not None:
            bias = f"by about {max(scores.fid_bias_real, 0.0):.4f}"
        yield (
            f"warning: the small real set of {scores.real_count:,} images raises the FID ({bias});"
            " compare only scores against the same real set"
        )
