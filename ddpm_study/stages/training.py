"""Training of one framework from the seed's initial weights."""

from __future__ import annotations

from typing import Any

import click

from ddpm import training
from ddpm.checkpoint import Checkpoint, path_for
from ddpm.checkpoints import run_folder
from ddpm.logs.run_log import read_epochs, read_losses
from ddpm_study.run.stage import Context
from implementations import TITLES, trainer

TAIL = 50  # steps over which the last loss is averaged


def train(context: Context, framework: str, *, seed: int | None = None) -> dict[str, Any]:
    """Train one framework, resuming where an earlier attempt ended.

    Args:
        context: of the run.
        framework: `torch` or `jittor`.
        seed: another one than the run's.
    """
    config = context.config
    subfolder, label = framework, f"train {TITLES[framework]}"
    if seed is not None:
        config = config.with_(train={"seed": seed})
        subfolder, label = f"{framework}-seed-{seed}", f"{label}, seed {seed}"
    folder = context.folder.path / subfolder
    latest = run_folder.latest(folder, context.name, most_epochs=config.train.epochs)
    if latest is not None and latest.epoch == config.train.epochs:
        path = path_for(folder / "checkpoints", context.name, latest.epoch)
    else:
        outcome = training.train(
            trainer(framework, config, context.device),
            context.images,
            dataset=context.name,
            folder=folder,
            resume=latest,
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
