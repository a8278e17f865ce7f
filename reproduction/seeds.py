"""The same framework from other seeds: how far results scatter where nothing else differs."""

from __future__ import annotations

from typing import Any

from ddpm.checkpoint import Checkpoint
from reproduction.sampling import draw, samples_path
from reproduction.stage import Context
from reproduction.training import train

FRAMEWORK = "torch"


def train_and_sample(context: Context) -> dict[str, Any]:
    """Train and sample PyTorch once more for each further seed."""
    runs = []
    for seed in (context.config.train.seed + 1 + i for i in range(context.scale.seeds)):
        trained = train(context, FRAMEWORK, seed=seed)
        place = f"{FRAMEWORK}-seed-{seed}"
        if not samples_path(context, place).exists():
            final = Checkpoint.load(context.folder.path / trained["checkpoint"])
            draw(context, place, FRAMEWORK, final, pictures=False)
        runs.append({"seed": seed, "place": place, "last_loss": trained["last_loss"]})
    return {"framework": FRAMEWORK, "runs": runs}
