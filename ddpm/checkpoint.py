"""Checkpoints: safetensors with JSON metadata; a pickle is never read."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.checkpoints.image_digest import ImageDigest
from ddpm.checkpoints.rules import GROUPS, require_fields, require_finite, require_layout
from ddpm.checkpoints.tensor_file import save_tensors
from ddpm.config import RunConfig
from ddpm.errors import InputError
from safe_files.reading import CannotRead, parse_json, require_file

Tensors = dict[str, np.ndarray]

_FORMAT = "ddpm-checkpoint/1"
_DTYPES = {"F32": "float32", "F64": "float64", "F16": "float16", "BF16": "bfloat16"}


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
        exp_avg, exp_avg_sq: Adam's first and second moments, by the parameter's name; empty where
            no step is done.
        images: identity of the training set; None in files that do not name it.
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
    images: ImageDigest | None = None

    @property
    def seed(self) -> int:
        """The seed of every stream of the run."""
        return self.config.train.seed

    def save(self, path: Path | str) -> None:
        """Write the checkpoint; an older file at `path` stays until the new one is complete.

        Raises:
            InputError: it breaks a rule of `ddpm.checkpoints.rules`.
            CannotWrite: the path cannot be written.
        """
        self._check(where="the checkpoint to be saved")
        tensors = {
            f"{group}/{name}": value
            for group in GROUPS
            for name, value in getattr(self, group).items()
        }
        save_tensors(tensors, Path(path), self._metadata())

    def _metadata(self) -> dict[str, str]:
        values = {
            "config": self.config.to_dict(),
            "framework": self.framework,
            "dataset": self.dataset,
            "epoch": self.epoch,
            "step": self.step,
            "seed": self.seed,
            "images": None if self.images is None else dataclasses.asdict(self.images),
        }
        return {"format": _FORMAT, **{name: json.dumps(value) for name, value in values.items()}}

    def _check(self, *, where: str) -> None:
        tensors = {group: getattr(self, group) for group in GROUPS}
        layout = {
            group: {name: (str(array.dtype), array.shape) for name, array in arrays.items()}
            for group, arrays in tensors.items()
        }
        self._check_fields(where=where)
        require_layout(layout, self.config, self.step, where)
        require_finite(tensors, where)

    def _check_fields(self, *, where: str) -> None:
        require_fields(
            framework=self.framework,
            dataset=self.dataset,
            epoch=self.epoch,
            step=self.step,
            images=self.images,
            batch_size=self.config.train.batch_size,
            where=where,
        )

    @classmethod
    def load(cls, path: Path | str) -> Checkpoint:
        """Read what `save` wrote.

        Raises:
            InputError: missing, a pickle (never loaded), truncated, of another format, or against a
                rule of `ddpm.checkpoints.rules`.
        """
        path = Path(path)
        _require_safetensors(path)
        with _opened(path) as file:
            state = _without_tensors(file.metadata() or {}, path)
            state._check_fields(where=str(path))
            # Shapes before values, so that no wrong file fills the memory.
            require_layout(_layout(file), state.config, state.step, str(path))
            for key in list(file.keys()):
                group, _, name = key.partition("/")
                getattr(state, group)[name] = file.get_tensor(key)
        require_finite({group: getattr(state, group) for group in GROUPS}, str(path))
        return state

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


def path_for(folder: Path | str, dataset: str, epoch: int) -> Path:
    """Return `{folder}/ddpm_{dataset}_epoch{epoch}.safetensors`."""
    return Path(folder) / f"ddpm_{dataset}_epoch{epoch}.safetensors"


def _without_tensors(metadata: dict[str, str], path: Path) -> Checkpoint:
    """Return the checkpoint of a file's metadata, with no tensor in it."""
    if metadata.get("format") != _FORMAT:
        raise InputError(
            f"{path} is a safetensors file, but no checkpoint of this project (its metadata"
            f" name the format {metadata.get('format')!r:.80}, not {_FORMAT!r}); convert it with"
            " ddpm convert"
        )
    try:
        values = {
            name: parse_json(metadata[name])
            for name in ("config", "framework", "dataset", "epoch", "step")
        }
        images = parse_json(metadata.get("images", "null"))
        return Checkpoint(
            **(values | {"config": RunConfig.from_dict(values["config"])}),
            weights={},
            ema={},
            images=None if images is None else ImageDigest.from_dict(images),
        )
    except (KeyError, ValueError, TypeError, RecursionError, InputError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} has unusable metadata ({reason[:200]}); take another one"
        ) from error


def _require_safetensors(path: Path) -> None:
    try:
        require_file(path)
        with path.open("rb") as file:
            start = file.read(4)
    except CannotRead as error:
        raise InputError(f"{error}; give a checkpoint of ddpm train") from None
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"{path} cannot be read: {reason}; give a checkpoint of ddpm train"
        ) from error
    if start == b"PK\x03\x04" or re.match(rb"\x80[\x02-\x05]", start):
        raise InputError(
            f"{path} is a pickle (.pth, .pt, .pkl) or zip file, which is never loaded; convert it"
            " with ddpm convert"
        )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Yield an open safetensors file; what is wrong in its bytes is an InputError."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            yield file
    except InputError:
        raise
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} is truncated, or no safetensors file ({reason[:200]}); take another checkpoint"
        ) from error


def _layout(file: Any) -> dict[str, dict[str, tuple[str, tuple[int, ...]]]]:
    """Return group -> name -> dtype and shape, as the header states them."""
    layout: dict[str, dict[str, tuple[str, tuple[int, ...]]]] = {}
    for key in list(file.keys()):
        group, _, name = key.partition("/")
        tensor = file.get_slice(key)
        dtype = _DTYPES.get(tensor.get_dtype(), tensor.get_dtype())
        layout.setdefault(group, {})[name] = dtype, tuple(tensor.get_shape())
    return layout
