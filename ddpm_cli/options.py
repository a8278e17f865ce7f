"""Options that several commands share, so that they have one name and one meaning."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ddpm.config import PRESETS
from implementations import FRAMEWORKS, Acceleration

file_or_folder = click.Path(path_type=Path)
framework_choice = click.Choice(FRAMEWORKS)
preset_choice = click.Choice(list(PRESETS))
DATASET = "mnist|cifar10|FOLDER"
device_option = click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), default="cpu", help="Where to compute."
)


def acceleration_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--compile` and `--precision`; the command gets both as `acceleration`."""

    @functools.wraps(command)
    def accelerated(*, compiled: bool, precision: str, **rest: Any) -> None:
        chosen = Acceleration(compiled=compiled, bfloat16=precision == "bfloat16")
        command(acceleration=chosen, **rest)

    compiling = click.option(
        "--compile",
        "compiled",
        is_flag=True,
        help="PyTorch only: run the model through torch.compile. Compiling takes a minute or two"
        " before the first step.",
    )
    precision = click.option(
        "--precision",
        type=click.Choice(["float32", "bfloat16"]),
        default="float32",
        show_default=True,
        help="PyTorch only: with bfloat16, convolutions and products keep about three digits;"
        " weights stay float32.",
    )
    return compiling(precision(accelerated))


def extractor_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--extractor` and `--extractor-weights` to a command."""
    weights = click.option(
        "--extractor-weights",
        "weights",
        type=file_or_folder,
        help="For --extractor inception: the file of its weights."
        " [default: $DDPM_INCEPTION_WEIGHTS]",
    )
    extractor = click.option(
        "--extractor",
        type=click.Choice(["inception", "digits"]),
        default="inception",
        help="The network that turns images into features. inception: Inception-v3, as in the FID"
        " paper. digits: this project's digit classifier; its scores are called FID-digits.",
    )
    return extractor(weights(command))
