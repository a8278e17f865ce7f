"""`ddpm convert`: make a checkpoint of bare weights."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from ddpm.checkpoint import Checkpoint
from ddpm.config import PRESETS, RunConfig, preset
from ddpm.errors import InputError

Weights = dict[str, np.ndarray]


@click.command()
@click.argument("weights", type=click.Path(path_type=Path))
@click.option(
    "--preset",
    "preset_name",
    type=click.Choice(list(PRESETS)),
    required=True,
    help="The model that the weights are of.",
)
@click.option("--dataset", default="converted", help="The name that files are called by.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The checkpoint.")
@click.option(
    "--allow-pickle", is_flag=True, help="Read a .pth too, which is a pickle; tensors only."
)
def command(weights: Path, preset_name: str, dataset: str, out: Path, allow_pickle: bool) -> None:
    """Make a checkpoint that both frameworks read from a state_dict in safetensors or .pth.

    WEIGHTS holds the parameters under the names that both U-Nets here use.
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
            f"{path} is no safetensors file ({error}); for a .pth add --allow-pickle"
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
            f"{path} is no state_dict ({reason}); save model.state_dict() alone"
        ) from error


def _require_fit(arrays: Weights, config: RunConfig, path: Path) -> None:
    import torch

    from impl_torch.unet import UNet

    with torch.device("meta"):
        shapes = {name: tuple(p.shape) for name, p in UNet(config.unet).named_parameters()}
    for name in sorted(shapes.keys() | arrays.keys()):
        given = arrays[name].shape if name in arrays else "nothing"
        wanted = shapes.get(name, "nothing")
        if given != wanted:
            raise InputError(
                f"{path}: {name} is {given}, and the preset wants {wanted}; choose its --preset"
            )
