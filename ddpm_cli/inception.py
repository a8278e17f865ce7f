"""`ddpm is`: how distinct and how varied samples are."""

from __future__ import annotations

from pathlib import Path

import click

from ddpm_cli.options import extractor_options
from safe_files import write_text


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path("fid"),
    help="Samples: a folder of PNG files, or an .npz.",
)
@click.option("--batch-size", type=click.IntRange(min=1), default=64, help="Images at a time.")
@click.option("--splits", type=click.IntRange(min=1), default=10, help="Parts that are averaged.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("inception_score.txt"),
    help="Where to write.",
)
@extractor_options
def command(
    folder: Path, batch_size: int, splits: int, out: Path, extractor: str, weights: Path | None
) -> None:
    """Compute the Inception Score of samples: mean and spread over splits.

    It lies between 1 and the number of classes: 10 for the extractor digits, 1,008 for inception.
    """
    from ddpm_study.metrics import choose, features
    from ddpm_study.metrics.image_loading import read_images
    from ddpm_study.metrics.inception_score import inception_score
    from ddpm_study.metrics.score import require_enough

    chosen = choose(extractor, weights)
    samples = read_images(folder)
    require_enough(len(samples), splits)
    seen = features(samples, chosen, batch_size=batch_size)
    mean, spread = inception_score(seen.logits, splits=splits)
    line = f"{chosen.inception_label}: {mean:.4f} ± {spread:.4f}"
    write_text(out, line + "\n")
    click.echo(line)
