"""`ddpm is`: measure how recognisable and how varied samples are."""

from __future__ import annotations

from pathlib import Path

import click

from ddpm_cli.options import extractor_options, file_or_folder
from safe_files import write_text


@click.command()
@click.option(
    "--folder",
    type=file_or_folder,
    default=Path("fid"),
    help="Samples: a folder of PNG files, or an .npz.",
)
@click.option("--batch-size", type=click.IntRange(min=1), default=64, help="Images at a time.")
@click.option(
    "--splits", type=click.IntRange(min=1), default=10, help="Parts to score and average."
)
@click.option(
    "--out",
    type=file_or_folder,
    default=Path("inception_score.txt"),
    help="The file to write.",
)
@extractor_options
def command(
    folder: Path, batch_size: int, splits: int, out: Path, extractor: str, weights: Path | None
) -> None:
    """Compute the Inception Score of samples: mean ± standard deviation over splits.

    It is high where each image is recognisable and all classes occur. It lies between 1 and the
    number of classes, 10 for --extractor digits and 1,008 for inception.
    """
    from ddpm_study.metrics import choose, features
    from ddpm_study.metrics.image_loading import read_images
    from ddpm_study.metrics.inception_score import inception_score
    from ddpm_study.metrics.score import require_enough

    chosen = choose(extractor, weights)
    samples = read_images(folder)
    require_enough(len(samples), splits)
    extracted = features(samples, chosen, batch_size=batch_size)
    mean, deviation = inception_score(extracted.logits, splits=splits)
    line = f"{chosen.inception_label}: {mean:.4f} ± {deviation:.4f}"
    write_text(out, line + "\n")
    click.echo(line)
