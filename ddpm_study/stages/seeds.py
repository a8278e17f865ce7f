"""The stage that repeats the study with PyTorch from other seeds.

It shows how far results scatter when nothing but the seed differs.
"""

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
    """Return how many seeds run at a time, if there are as many cores."""
    return context.workers(context.scale.seeds)


def _run(context: Context, seed: int) -> dict[str, Any]:
    trained = train(context, FRAMEWORK, seed=seed)
    subfolder = f"{FRAMEWORK}-seed-{seed}"
    if not samples_path(context, subfolder).exists():
        final = Checkpoint.load(context.folder.path / trained["checkpoint"])
        draw(context, subfolder, FRAMEWORK, final, pictures=False)
    return {"seed": seed, "subfolder": subfolder, "last_loss": trained["last_loss"]}
