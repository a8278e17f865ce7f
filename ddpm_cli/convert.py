"""`ddpm convert`: make a checkpoint from a state_dict."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from ddpm.checkpoint import Checkpoint
from ddpm.config import RunConfig, preset
from ddpm.errors import InputError
from ddpm_cli.options import file_or_folder, preset_choice
from implementations import unet_class

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
    config = preset(preset_name)
    arrays = _read_pickle(weights) if allow_pickle else _read_safetensors(weights)
    _require_fit(arrays, config, weights)
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
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path} is not a safetensors file ({error}); for a .pth add --allow-pickle"
        ) from error


def _read_pickle(path: Path) -> Weights:
    import pickle

    import torch

    try:  # weights_only admits tensors and containers, and runs no code
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor.numpy() for name, tensor in state.items()}
    except (OSError, RuntimeError, AttributeError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path} is not a state_dict ({reason}); save model.state_dict() alone"
        ) from error


def _require_fit(arrays: Weights, config: RunConfig, path: Path) -> None:
    import torch

    with torch.device("meta"):
        model = unet_class("torch")(config.unet)
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    for name in sorted(shapes.keys() | arrays.keys()):
        actual = arrays[name].shape if name in arrays else "missing"
        expected = shapes.get(name, "no such parameter")
        if actual != expected:
            raise InputError(
                f"{path}: {name} is {actual}, and the preset has {expected}; choose the --preset of"
                " these weights"
            )
