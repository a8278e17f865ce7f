"""Stages that train: each side from the seed's weights, and PyTorch again from other seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ddpm import training
from ddpm.checkpoint import Checkpoint, path_for
from ddpm.runlog import read_epochs, read_losses
from ddpm_study.stage import Context
from implementations import TITLES, trainer

TAIL = 50  # steps over which the last loss is averaged


def train(context: Context, framework: str, *, seed: int | None = None) -> dict[str, Any]:
    """Train one side, from where an earlier attempt was broken off.

    Args:
        context: of the run.
        framework: `torch` or `jittor`.
        seed: another one than the run's.
    """
    config = context.config
    place, label = framework, f"train {TITLES[framework]}"
    if seed is not None:
        config = config.with_(train={"seed": seed})
        place, label = f"{framework}-seed-{seed}", f"{label}, seed {seed}"
    folder = context.folder.path / place
    found = _furthest(folder / "checkpoints", context.name, config.train.epochs)
    if found is not None and found.epoch == config.train.epochs:
        path = path_for(folder / "checkpoints", context.name, found.epoch)
    else:
        outcome = training.train(
            trainer(framework, config, context.device),
            context.images,
            dataset=context.name,
            folder=folder,
            resume=found,
            label=label,
        )
        if outcome.interrupted:
            raise click.Abort
        path = outcome.checkpoint
    losses = read_losses(folder / "logs" / "train_log.txt")[1]
    return {
        "framework": framework,
        "seed": config.train.seed,
        "checkpoint": str(path.relative_to(context.folder.path)),
        "log": str((folder / "logs" / "train_log.txt").relative_to(context.folder.path)),
        "parameters": sum(array.size for array in Checkpoint.load(path).weights.values()),
        "steps": len(losses),
        "first_loss": losses[0],
        "last_loss": losses[-TAIL:].mean(),
        "tail": min(TAIL, len(losses)),
        "epochs": read_epochs(folder / "logs" / "performance_log.txt"),
    }


def _furthest(folder: Path, dataset: str, epochs: int) -> Checkpoint | None:
    """Return the last whole checkpoint, whether of an epoch or of an interruption; or None."""
    whole = [path_for(folder, dataset, epoch) for epoch in range(1, epochs + 1)]
    last = [path for path in whole if path.exists()][-1:]  # only that one is worth reading
    interrupted = folder / f"ddpm_{dataset}_interrupted.safetensors"
    found = [Checkpoint.load(path) for path in (*last, interrupted) if path.exists()]
    return max(found, key=lambda checkpoint: checkpoint.step, default=None)
