"""`ddpm convert`: make a checkpoint from a state_dict."""

from __future__ import annotations

import re
from pathlib import Path

import click
import numpy as np

from ddpm.checkpoint import Checkpoint
from ddpm.config import RunConfig, preset
from ddpm.errors import InputError
from ddpm_cli.options import file_or_folder, preset_choice
from implementations import unet_class
from safe_files.reading import CannotRead, require_file, show

Weights = dict[str, np.ndarray]


@click.command()
@click.argument("weights", type=file_or_folder)
@click.option(
    "--preset",
    "preset_name",
    type=preset_choice,
    required=True,
    help="The model that the weights belong to.",
)
@click.option("--dataset", default="converted", help="The data set's name in file names.")
@click.option("--out", type=file_or_folder, required=True, help="The checkpoint to write.")
@click.option(
    "--allow-pickle",
    is_flag=True,
    help="Read a .pth, which is a pickle; only tensors in it are read.",
)
def command(weights: Path, preset_name: str, dataset: str, out: Path, allow_pickle: bool) -> None:
    """Make a checkpoint for both frameworks from a state_dict, a .safetensors or .pth file.

    WEIGHTS has the parameters of the U-Net under the names that both implementations use.
    """
    if not re.fullmatch(r"\w[\w.-]{0,99}", dataset):
        raise InputError(f"--dataset {show(dataset)!r} is no name for a file: give a plain word")
    config = preset(preset_name)
    try:
        require_file(weights)
    except CannotRead as error:
        raise InputError(f"{error}; give a .safetensors or .pth file of weights") from None
    arrays = _read_pickle(weights) if allow_pickle else _read_safetensors(weights)
    _require_fit(arrays, config, weights)
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    Checkpoint(
        config=config,
        framework="torch",
        dataset=dataset,
        epoch=0,
        step=0,
        weights=arrays,
        ema=arrays,
    ).save(out)
    click.echo(f"{out}: {sum(array.size for array in arrays.values()):,} parameters")


def _read_safetensors(path: Path) -> Weights:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{show(path)} is not a safetensors file ({error}); for a .pth add --allow-pickle"
        ) from error


def _read_pickle(path: Path) -> Weights:
    import torch

    try:  # weights_only admits tensors and containers, and runs no code
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor.numpy() for name, tensor in state.items()}
    except Exception as error:  # a damaged pickle can fail in any way at all
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise InputError(
            f"{show(path)} is not a state_dict ({reason}); save model.state_dict() alone"
        ) from error


def _require_fit(arrays: Weights, config: RunConfig, path: Path) -> None:
    import torch

    with torch.device("meta"):
        model = unet_class("torch")(config.unet)
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    for name in sorted(shapes.keys() | arrays.keys()):
        where = f"{show(path)}: {name[:80]}"
        actual = arrays[name].shape if name in arrays else "missing"
        expected = shapes.get(name, "no such parameter")
        if actual != expected:
            raise InputError(
                f"{where} is {actual}, and the preset has {expected}; choose the --preset of these"
                " weights"
            )
        if arrays[name].dtype.kind != "f" or not np.isfinite(arrays[name]).all():
            raise InputError(
                f"{where} is of {arrays[name].dtype} and must hold finite floats; give the weights"
                " of a training that has not diverged"
            )
