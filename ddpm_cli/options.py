"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from reproduction.frameworks import FRAMEWORKS

framework_choice = click.Choice(FRAMEWORKS)
device_option = click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), default="cpu", help="Where to compute."
)


def extractor_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--extractor` and `--weights` to a command."""
    weights = click.option(
        "--weights",
        type=click.Path(path_type=Path),
        help="Of the extractor inception: a local file. [default: $DDPM_INCEPTION_WEIGHTS]",
    )
    extractor = click.option(
        "--extractor",
        type=click.Choice(["inception", "digits"]),
        default="inception",
        help="What looks at the images: the network of the FID paper, or this project's classifier"
        " of digits, whose scores are called FID-digits.",
    )
    return extractor(weights(command))
