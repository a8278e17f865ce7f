"""The same framework from other seeds: how far results scatter where nothing else differs."""

from __future__ import annotations

from functools import partial
from typing import Any

from ddpm.checkpoint import Checkpoint
from ddpm_study.run.parallel import run_in_parallel
from ddpm_study.run.stage import Context
from ddpm_study.stages.sampling import draw, samples_path
from ddpm_study.stages.training import train

FRAMEWORK = "torch"


def train_and_sample(context: Context) -> dict[str, Any]:
    """Train and sample PyTorch once more for each further seed."""
    first = context.config.train.seed + 1
    jobs = [partial(_run, context, first + i) for i in range(context.scale.seeds)]
    return {"framework": FRAMEWORK, "runs": run_in_parallel(jobs, workers(context))}


def workers(context: Context) -> int:
    """Return how many seeds are run at a time, where there are as many cores."""
    return context.workers(context.scale.seeds)


def _run(context: Context, seed: int) -> dict[str, Any]:
    trained = train(context, FRAMEWORK, seed=seed)
    place = f"{FRAMEWORK}-seed-{seed}"
    if not samples_path(context, place).exists():
        final = Checkpoint.load(context.folder.path / trained["checkpoint"])
        draw(context, place, FRAMEWORK, final, pictures=False)
    return {"seed": seed, "place": place, "last_loss": trained["last_loss"]}
