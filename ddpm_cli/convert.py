"""`ddpm convert`: between a checkpoint, weights alone, and diffusers' form."""

from __future__ import annotations

import re
from pathlib import Path

import click
import numpy as np

from ddpm.checkpoint import Checkpoint
from ddpm.checkpoints.diffusers_folder import WEIGHTS_ALONE, save_diffusers_folder
from ddpm.checkpoints.parameter_shapes import parameter_shapes
from ddpm.checkpoints.tensor_file import save_tensors
from ddpm.config import RunConfig, preset
from ddpm.errors import InputError
from ddpm_cli.options import file_or_folder, preset_choice
from safe_files.reading import CannotRead, require_file, show

Weights = dict[str, np.ndarray]


@click.command()
@click.argument("source", type=file_or_folder)
@click.option(
    "--to",
    "target",
    type=click.Choice(("checkpoint", "weights", "diffusers")),
    default="checkpoint",
    help="checkpoint: from weights alone. weights: a checkpoint's weights alone, as safetensors."
    " diffusers: a checkpoint as a folder for diffusers' DDPMPipeline.",
)
@click.option(
    "--preset",
    "preset_name",
    type=preset_choice,
    help="With --to checkpoint: the model that the weights belong to.",
)
@click.option("--dataset", default="converted", help="The data set's name in file names.")
@click.option(
    "--weights",
    type=click.Choice(("ema", "raw")),
    default="ema",
    help="Of a checkpoint. ema: the averaged weights. raw: those of the last step.",
)
@click.option("--out", type=file_or_folder, required=True, help="The file or folder to write.")
@click.option(
    "--allow-pickle",
    is_flag=True,
    help="Read a .pth, which is a pickle; only tensors in it are read.",
)
def command(
    source: Path,
    target: str,
    preset_name: str | None,
    dataset: str,
    weights: str,
    out: Path,
    allow_pickle: bool,
) -> None:
    """Convert weights to a checkpoint, or a checkpoint to weights or to diffusers' form.

    \b
    ddpm convert unet.safetensors --preset mnist --out unet_checkpoint.safetensors
    ddpm convert unet.pth --allow-pickle --preset mnist --out unet_checkpoint.safetensors
    ddpm convert checkpoints/ddpm_mnist_epoch5.safetensors --to weights --out unet.safetensors
    ddpm convert checkpoints/ddpm_mnist_epoch5.safetensors --to diffusers --out ddpm-mnist

    Weights have the names that the U-Nets of both implementations use.
    """
    if target == "checkpoint":
        if preset_name is None:
            raise click.UsageError("Missing option '--preset', which --to checkpoint needs.")
        if not re.fullmatch(r"\w[\w.-]{0,99}", dataset):
            raise InputError(
                f"--dataset {show(dataset)!r} is no name for a file: give a plain word"
            )
        try:
            require_file(source)
        except CannotRead as error:
            raise InputError(f"{error}; give a .safetensors or .pth file of weights") from None
        arrays = _read_pickle(source) if allow_pickle else _read_safetensors(source)
        _require_fit(arrays, preset(preset_name), source)
        arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
        _checkpoint(arrays, preset(preset_name), dataset).save(out)
    else:
        if preset_name is not None or allow_pickle:
            option = "--allow-pickle" if allow_pickle else "--preset"
            raise InputError(f"{option} goes with --to checkpoint: leave it out")
        checkpoint = Checkpoint.load(source)
        arrays = checkpoint.ema if weights == "ema" else checkpoint.weights
        if target == "weights":
            save_tensors(arrays, out, WEIGHTS_ALONE)
        else:
            save_diffusers_folder(checkpoint, out, averaged=weights == "ema")
    click.echo(f"{out}: {sum(array.size for array in arrays.values()):,} parameters")


def _checkpoint(arrays: Weights, config: RunConfig, dataset: str) -> Checkpoint:
    """Return a checkpoint of which no step of training is known."""
    return Checkpoint(
        config=config,
        framework="torch",
        dataset=dataset,
        epoch=0,
        step=0,
        weights=arrays,
        ema=arrays,
    )


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
    shapes = parameter_shapes(config.unet)
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
