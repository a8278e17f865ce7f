"""How far training runs part by rounding alone, and up to which step they stay comparable.

Each side is trained again from weights moved by one unit in the last place. Both sides' ensembles
count, since each framework's own rounding enters at every step.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from tqdm import tqdm

from ddpm.runlog import read_losses
from ddpm_study.run.parallel import run_in_parallel
from ddpm_study.run.stage import Context
from implementations import FRAMEWORKS, TITLES, trainer
from parity.base.rng import perturb_one_ulp
from parity.verdict import HORIZON


def train_ensemble(context: Context) -> dict[str, Any]:
    """Train the ensembles; return their spread, the two sides' gap, and the horizon."""
    logs = {f: context.folder.path / context.folder.result(f"train-{f}")["log"] for f in FRAMEWORKS}
    own = {f: read_losses(log)[1] for f, log in logs.items()}
    steps = min(context.scale.ensemble_steps, *map(len, own.values()))
    jobs = [partial(_members, context, framework, steps) for framework in FRAMEWORKS]
    found = run_in_parallel(jobs, context.workers(len(jobs)))
    members = dict(zip(FRAMEWORKS, found, strict=True))
    return {
        "steps": steps,
        "members": {f: [losses.tolist() for losses in runs] for f, runs in members.items()},
        **spread(own, members, steps),
    }


def spread(
    own: dict[str, np.ndarray], members: dict[str, list[np.ndarray]], steps: int
) -> dict[str, Any]:
    """Measure how far ensembles and the two sides part, relative to the loss.

    Args:
        own: side -> losses of its run (at least `steps`).
        members: side -> the losses of each moved run.
        steps: how many to look at.

    Returns:
        `spread`, the largest distance of a member from its own side's run at each step; `gap`, the
        distance of the two sides; `horizon`, the first step at which the spread has reached
        `parity.verdict.HORIZON` of the loss, or None; `within`, the share of the steps before it
        at which the gap is no larger than the spread so far.
    """
    base = {f: losses[:steps] for f, losses in own.items()}
    apart = [
        np.abs(run[:steps] - base[f]) / np.abs(base[f])
        for f, runs in members.items()
        for run in runs
    ]
    widest = np.max(apart, axis=0)
    gap = np.abs(base["torch"] - base["jittor"]) / np.abs(base["torch"])
    grown = np.maximum.accumulate(widest)
    past = np.flatnonzero(grown >= HORIZON)
    horizon = int(past[0]) if len(past) else None
    before = slice(None, horizon)
    return {
        "spread": widest.tolist(),
        "gap": gap.tolist(),
        "horizon": horizon,
        "limit": HORIZON,
        "within": float((gap[before] <= grown[before]).mean()) if horizon != 0 else None,
    }


def _members(context: Context, framework: str, steps: int) -> list[np.ndarray]:
    """Train every moved run of one side."""
    return [_losses(context, framework, member, steps) for member in range(context.scale.ensemble)]


def _losses(context: Context, framework: str, member: int, steps: int) -> np.ndarray:
    """Train one moved run."""
    side = trainer(framework, context.config, context.device)
    start = side.checkpoint(dataset="ensemble", epoch=0)
    moved = {
        name: perturb_one_ulp(weight, "float32", "ensemble", member, name)
        for name, weight in start.weights.items()
    }
    side.restore(replace(start, weights=moved, ema={n: w.copy() for n, w in moved.items()}))
    losses: list[float] = []
    label = f"ensemble {TITLES[framework]} {member + 1}/{context.scale.ensemble}"
    with tqdm(total=steps, desc=label, unit="step", file=sys.stderr) as bar:
        for epoch in range(context.config.train.epochs):
            for loss in side.train_epoch(context.images, epoch):
                losses.append(loss)
                bar.update()
                if len(losses) == steps:
                    return np.array(losses)
    return np.array(losses)
