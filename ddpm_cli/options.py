"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from implementations import FRAMEWORKS, Acceleration

framework_choice = click.Choice(FRAMEWORKS)
device_option = click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), default="cpu", help="Where to compute."
)


def acceleration_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--compile` and `--precision`, given to the command as `acceleration`."""

    @functools.wraps(command)
    def accelerated(*, compiled: bool, precision: str, **rest: Any) -> None:
        chosen = Acceleration(compiled=compiled, bfloat16=precision == "bfloat16")
        command(acceleration=chosen, **rest)

    compiling = click.option(
        "--compile",
        "compiled",
        is_flag=True,
        help="PyTorch only: torch.compile, a minute or two before the first step.",
    )
    precision = click.option(
        "--precision",
        type=click.Choice(["float32", "bfloat16"]),
        default="float32",
        show_default=True,
        help="PyTorch only: products in bfloat16, three digits of them; weights stay float32.",
    )
    return compiling(precision(accelerated))


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
