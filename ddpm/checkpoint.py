"""Checkpoints: safetensors with JSON metadata; a pickle is never read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.config import RunConfig
from ddpm.errors import InputError
from safe_files import CannotWrite, replacing
from safe_files.reading import CannotRead, require_file

Tensors = dict[str, np.ndarray]

_FORMAT = "ddpm-checkpoint/1"
_GROUPS = ("weights", "ema", "exp_avg", "exp_avg_sq")


@dataclass(eq=False)
class Checkpoint:
    """The state from which a run continues bit for bit, and from which a sampler starts.

    Attributes:
        config: the run's configuration, its seed included.
        framework: that of the run that wrote it, `torch` or `jittor`.
        dataset: the data set's name in file names, such as `mnist`.
        epoch: epochs done.
        step: optimizer steps done, which is also the number of the next one.
        weights, ema: parameters and their moving averages, by the parameter's name.
        exp_avg, exp_avg_sq: Adam's first and second moments, by the parameter's name.
    """

    config: RunConfig
    framework: str
    dataset: str
    epoch: int
    step: int
    weights: Tensors
    ema: Tensors
    exp_avg: Tensors = field(default_factory=dict)
    exp_avg_sq: Tensors = field(default_factory=dict)

    @property
    def seed(self) -> int:
        """The seed of every stream of the run."""
        return self.config.train.seed

    def save(self, path: Path | str) -> None:
        """Write the checkpoint; an older file at `path` stays until the new one is complete.

        Raises:
            InputError: the four groups do not match.
            CannotWrite: the path cannot be written.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import save_file

        _check_groups(self, where="the checkpoint to be saved")
        tensors = {
            # safetensors copies memory in its order, which is wrong for a transposed view
            f"{group}/{name}": np.asarray(value, order="C")
            for group in _GROUPS
            for name, value in getattr(self, group).items()
        }
        with replacing(path) as temporary:
            try:
                save_file(tensors, temporary, metadata=self._metadata())
                sort_metadata(temporary)
            except SafetensorError as error:
                raise CannotWrite(
                    f"{path} cannot be written: {error}; choose another path"
                ) from error

    def _metadata(self) -> dict[str, str]:
        values = {
            "config": self.config.to_dict(),
            "framework": self.framework,
            "dataset": self.dataset,
            "epoch": self.epoch,
            "step": self.step,
            "seed": self.seed,
        }
        return {"format": _FORMAT, **{name: json.dumps(value) for name, value in values.items()}}

    @classmethod
    def load(cls, path: Path | str) -> Checkpoint:
        """Read what `save` wrote.

        Raises:
            InputError: missing, a pickle (never loaded), truncated, or of another format.
        """
        tensors, metadata = _read(Path(path))
        if metadata.get("format") != _FORMAT:
            raise InputError(
                f"{path} is a safetensors file, but no checkpoint of this project (its metadata"
                f" name the format {metadata.get('format')!r}, not {_FORMAT!r}); convert it with"
                " ddpm convert"
            )
        groups: dict[str, Any] = {group: {} for group in _GROUPS}
        for key, value in tensors.items():
            group, _, name = key.partition("/")
            groups.setdefault(group, {})[name] = value
        try:
            loaded = cls(**_values(metadata), **groups)
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(f"{path} has unusable metadata ({error}); take another one") from error
        _check_groups(loaded, where=str(path))
        return loaded

    def require_config(self, config: RunConfig) -> None:
        """Require the same model, diffusion and training, as a resumed run does.

        The number of epochs may differ, so that a run can be extended, and so may sampling.

        Raises:
            InputError: the first option that differs, with both values.
        """
        stored, requested = self.config.to_dict(), config.to_dict()
        for part in ("unet", "diffusion", "train"):
            for option, value in stored[part].items():
                if option != "epochs" and value != requested[part][option]:
                    raise InputError(
                        f"the checkpoint was made with {part}.{option} = {value}, not"
                        f" {requested[part][option]}; give the same, or start a new run"
                    )


def sort_metadata(path: Path) -> None:
    """Sort the metadata of a safetensors file, which the library writes in a random order.

    Equal checkpoints are then equal files. The header keeps its size, so nothing else moves.
    """
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        metadata = dict(sorted(header.pop("__metadata__").items()))
        ordered = {"__metadata__": metadata, **header}
        text = json.dumps(ordered, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) <= size:  # the library escapes no more than this
            file.seek(8)
            file.write(text.ljust(size))


def path_for(folder: Path | str, dataset: str, epoch: int) -> Path:
    """Return `{folder}/ddpm_{dataset}_epoch{epoch}.safetensors`."""
    return Path(folder) / f"ddpm_{dataset}_epoch{epoch}.safetensors"


def _values(metadata: dict[str, str]) -> dict[str, Any]:
    """Return the fields other than tensors."""
    values: dict[str, Any] = {"config": RunConfig.from_dict(json.loads(metadata["config"]))}
    for name, kind in (("framework", str), ("dataset", str), ("epoch", int), ("step", int)):
        values[name] = json.loads(metadata[name])
        if not isinstance(values[name], kind):
            raise TypeError(f"{name} is {values[name]!r}, not of type {kind.__name__}")
    return values


def _read(path: Path) -> tuple[Tensors, dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        require_file(path)
        with path.open("rb") as file:
            start = file.read(4)
    except CannotRead as error:
        raise InputError(f"{error}; give a checkpoint that exists") from None
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"{path} cannot be read: {reason}; give a checkpoint that exists"
        ) from error
    if start == b"PK\x03\x04" or re.match(rb"\x80[\x02-\x05]", start):
        raise InputError(
            f"{path} is a pickle (.pth, .pt, .pkl) or zip file, which is never loaded; convert it"
            " with ddpm convert"
        )
    try:
        with safe_open(path, framework="np") as file:
            return {
                name: file.get_tensor(name) for name in list(file.keys())
            }, file.metadata() or {}
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} is truncated, or no safetensors file ({error}); take another checkpoint"
        ) from error


def _check_groups(checkpoint: Checkpoint, *, where: str) -> None:
    """Raise InputError unless each group's tensors have the weights' names and shapes."""
    shapes = {name: value.shape for name, value in checkpoint.weights.items()}
    for group in ("ema", "exp_avg", "exp_avg_sq"):
        for name, value in getattr(checkpoint, group).items():
            if value.shape != shapes.get(name):
                raise InputError(
                    f"{where}: {group} has {name!r} of shape {value.shape}, weights have"
                    f" {shapes.get(name)}; take another checkpoint"
                )
    for name in shapes:
        if name not in checkpoint.ema:
            raise InputError(f"{where}: ema lacks {name!r}; take another checkpoint")
    if checkpoint.exp_avg.keys() != checkpoint.exp_avg_sq.keys():
        raise InputError(f"{where}: Adam's two moments have other names; take another checkpoint")
