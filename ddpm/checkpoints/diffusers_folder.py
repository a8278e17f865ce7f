"""Export of a checkpoint as a folder that diffusers' `DDPMPipeline.from_pretrained` reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.checkpoint import Checkpoint
from ddpm.checkpoints.tensor_file import save_tensors
from ddpm.config import DiffusionConfig, UNetConfig
from ddpm.errors import InputError
from safe_files import write_text

# The metadata that torch's libraries expect.
WEIGHTS_ALONE = {"format": "pt"}
# The first version whose attention layers have these parameter names.
_VERSION = "0.15.0"
_NAMES = (
    ("time_embedding.linear1", "time_embedding.linear_1"),
    ("time_embedding.linear2", "time_embedding.linear_2"),
    ("middle.resnet1", "mid_block.resnets.0"),
    ("middle.resnet2", "mid_block.resnets.1"),
    ("middle.attention", "mid_block.attentions.0"),
    ("downsample.conv", "downsamplers.0.conv"),
    ("upsample.conv", "upsamplers.0.conv"),
    ("time_projection", "time_emb_proj"),
    ("shortcut", "conv_shortcut"),
    ("norm_out", "conv_norm_out"),
    (".query.", ".to_q."),
    (".key.", ".to_k."),
    (".value.", ".to_v."),
    (".out.", ".to_out.0."),
    (".norm.", ".group_norm."),
)


def diffusers_name(name: str) -> str:
    """Return the name that a parameter of the U-Net has in diffusers' `UNet2DModel`."""
    for here, there in _NAMES:
        name = name.replace(here, there)
    for here, there in (("down.", "down_blocks."), ("up.", "up_blocks.")):
        if name.startswith(here):
            name = there + name.removeprefix(here)
    return name


def unet_options(config: UNetConfig) -> dict[str, Any]:
    """Return the arguments of diffusers' `UNet2DModel` for the same network."""
    attends = [size in config.attention_resolutions for size in config.level_resolutions]
    return {
        "sample_size": config.image_size,
        "in_channels": config.image_channels,
        "out_channels": config.image_channels,
        "layers_per_block": config.blocks_per_level,
        "block_out_channels": list(config.level_channels),
        "down_block_types": ["AttnDownBlock2D" if a else "DownBlock2D" for a in attends],
        "up_block_types": ["AttnUpBlock2D" if a else "UpBlock2D" for a in reversed(attends)],
        "norm_num_groups": config.norm_groups,
        "norm_eps": config.norm_epsilon,
        "dropout": config.dropout,
        "downsample_padding": 0,
        "flip_sin_to_cos": False,
        "freq_shift": 1,
        "attention_head_dim": None,
    }


def scheduler_options(config: DiffusionConfig) -> dict[str, Any]:
    """Return the arguments of diffusers' `DDPMScheduler` for the same diffusion."""
    linear = config.schedule == "linear"
    return {
        "num_train_timesteps": config.T,
        "beta_schedule": "linear" if linear else "squaredcos_cap_v2",
        "beta_start": config.beta_start,
        "beta_end": config.beta_end,
        "variance_type": config.variance,
        "clip_sample": config.clip,
        "clip_sample_range": 1.0,
        "prediction_type": "epsilon",
    }


def save_diffusers_folder(checkpoint: Checkpoint, folder: Path, *, averaged: bool = True) -> None:
    """Write the folder; `model_index.json`, without which it is none, is written last.

    Args:
        checkpoint: whose weights it gets, float32.
        folder: a new or empty folder.
        averaged: whether the averaged weights are taken, or else those of the last step.

    Raises:
        InputError: the folder holds something already.
        CannotWrite: it cannot be written.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; give --out a new folder")
    weights = checkpoint.ema if averaged else checkpoint.weights
    tensors: dict[str, np.ndarray] = {diffusers_name(n): array for n, array in weights.items()}
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    save_tensors(tensors, path, WEIGHTS_ALONE)
    unet, diffusion = checkpoint.config.unet, checkpoint.config.diffusion
    _write(folder / "unet" / "config.json", "UNet2DModel", unet_options(unet))
    scheduler = folder / "scheduler" / "scheduler_config.json"
    _write(scheduler, "DDPMScheduler", scheduler_options(diffusion))
    parts = {
        "scheduler": ["diffusers", "DDPMScheduler"],
        "unet": ["diffusers", "UNet2DModel"],
    }
    _write(folder / "model_index.json", "DDPMPipeline", parts)


def _write(path: Path, name: str, values: dict[str, Any]) -> None:
    values = {"_class_name": name, "_diffusers_version": _VERSION, **values}
    write_text(path, json.dumps(values, indent=2) + "\n")
