"""`ddpm fid`: how far samples are from real images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ddpm.errors import InputError
from ddpm_cli.options import extractor_options
from safe_files import write_text

if TYPE_CHECKING:
    from ddpm_study.metrics import Scores


@click.command()
@click.option(
    "--real",
    required=True,
    type=click.Path(path_type=Path),
    help="Real images: an .npz of ddpm prepare, or a folder.",
)
@click.option(
    "--fake",
    type=click.Path(path_type=Path),
    default=Path("fid"),
    help="Samples: a folder of PNG files, or an .npz.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("fid_score.txt"), help="Where to write."
)
@click.option("--batch-size", type=click.IntRange(min=1), default=64, help="Images at a time.")
@extractor_options
def command(
    real: Path, fake: Path, out: Path, batch_size: int, extractor: str, weights: Path | None
) -> None:
    """Score samples against real images: FID, KID, precision and recall.

    The first line of OUT is the score; below it stand its 95 % interval, what it tends to with
    endless samples, and the other scores. What was seen in the real images is kept in ~/.cache.
    """
    from ddpm_study.metrics import choose, features, score
    from ddpm_study.metrics.cache import cached_features
    from ddpm_study.metrics.image_loading import read_images
    from ddpm_study.metrics.score import require_enough

    chosen = choose(extractor, weights)
    samples, known = read_images(fake), read_images(real)
    require_enough(len(samples))
    require_enough(len(known))
    if samples.shape[1:] != known.shape[1:]:
        raise InputError(
            f"{fake} holds images of {samples.shape[1:]} and {real} of {known.shape[1:]}; prepare"
            " the real set in the samples' size"
        )
    found = score(
        features(samples, chosen, batch_size=batch_size),
        cached_features(known, chosen, batch_size=batch_size),
        chosen,
        splits=1,
    )
    lines = [*_lines(found), *_warnings(found)]
    write_text(out, "\n".join(lines) + "\n")
    click.echo("\n".join(lines))


def _lines(found: Scores) -> Iterator[str]:
    low, high = found.fid_interval
    yield f"{found.label} score: {found.fid:.4f}"
    yield f"95 % interval: {low:.4f} to {high:.4f}, by resampling {found.count:,} samples"
    if found.fid_infinity is None:
        yield f"with endless samples: {found.count:,} are too few to tell"
    else:
        yield (
            f"with endless samples: {found.fid_infinity:.4f} (extrapolated); the bias of"
            f" {found.count:,} is {found.fid_bias:+.4f}"
        )
    yield f"KID: {found.kid:.6f} ± {found.kid_std:.6f}"
    yield f"precision: {found.precision:.4f}, recall: {found.recall:.4f}"


def _warnings(found: Scores) -> Iterator[str]:
    from ddpm_study.metrics.score import ENOUGH

    if found.count < ENOUGH:
        also = ", or the extrapolated ones" if found.fid_infinity is not None else ""
        yield (
            f"warning: {found.count:,} samples score worse than many would; compare only scores of"
            f" as many samples{also}"
        )
    if found.real_count < ENOUGH:
        adds = "by how much, they are too few to tell"
        if found.fid_bias_real is not None:
            adds = f"that adds about {max(found.fid_bias_real, 0.0):.4f}"
        yield (
            f"warning: a real set of {found.real_count:,} images is small as well ({adds}); compare"
            " only scores against the same real set"
        )
