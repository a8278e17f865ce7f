"""The stage that measures how fast training runs diverge by rounding alone.

Each framework is trained again from initial weights perturbed by one unit in the last place. The
ensembles of both count, since each framework's own rounding enters at every step.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from tqdm import tqdm

from ddpm.logs.progress_stream import progress_stream
from ddpm.logs.run_log import read_losses
from ddpm_study.run.parallel import run_in_parallel
from ddpm_study.run.stage import Context
from implementations import FRAMEWORKS, TITLES, trainer
from parity.base.perturbation import perturb_one_ulp
from parity.limits import HORIZON


def train_ensemble(context: Context) -> dict[str, Any]:
    """Train the ensembles; return their spread, the frameworks' difference, and the horizon."""
    logs = {f: context.folder.path / context.folder.result(f"train-{f}")["log"] for f in FRAMEWORKS}
    own = {f: read_losses(log)[1] for f, log in logs.items()}
    steps = min(context.scale.ensemble_steps, *map(len, own.values()))
    jobs = [partial(_members, context, framework, steps) for framework in FRAMEWORKS]
    results = run_in_parallel(jobs, context.workers(len(jobs)))
    members = dict(zip(FRAMEWORKS, results, strict=True))
    return {
        "steps": steps,
        "members": {f: [losses.tolist() for losses in runs] for f, runs in members.items()},
        **spread(own, members, steps),
    }


def spread(
    own: dict[str, np.ndarray], members: dict[str, list[np.ndarray]], steps: int
) -> dict[str, Any]:
    """Measure how far the ensembles and the two frameworks diverge, relative to the loss.

    Args:
        own: framework -> losses of its unperturbed run (at least `steps`).
        members: framework -> the losses of each perturbed run.
        steps: number of steps to look at.

    Returns:
        `spread`, the largest distance of a member from its own framework's run at each step;
        `difference`, the distance of the two frameworks; `horizon`, the first step at which the
        spread has reached `parity.verdict.HORIZON` of the loss, or None; `within`, the share of the
        steps before it at which the difference is at most the largest spread so far.
    """
    base = {f: losses[:steps] for f, losses in own.items()}
    distances = [
        np.abs(run[:steps] - base[f]) / np.abs(base[f])
        for f, runs in members.items()
        for run in runs
    ]
    largest = np.max(distances, axis=0)
    difference = np.abs(base["torch"] - base["jittor"]) / np.abs(base["torch"])
    largest_so_far = np.maximum.accumulate(largest)
    past = np.flatnonzero(largest_so_far >= HORIZON)
    horizon = int(past[0]) if len(past) else None
    before = slice(None, horizon)
    return {
        "spread": largest.tolist(),
        "difference": difference.tolist(),
        "horizon": horizon,
        "limit": HORIZON,
        "within": (
            float((difference[before] <= largest_so_far[before]).mean()) if horizon != 0 else None
        ),
    }


def _members(context: Context, framework: str, steps: int) -> list[np.ndarray]:
    """Train every perturbed run of one framework."""
    return [_losses(context, framework, member, steps) for member in range(context.scale.ensemble)]


def _losses(context: Context, framework: str, member: int, steps: int) -> np.ndarray:
    """Train one perturbed run; return its losses."""
    side = trainer(framework, context.config, context.device)
    start = side.checkpoint(dataset="ensemble", epoch=0)
    perturbed = {
        name: perturb_one_ulp(weight, "float32", "ensemble", member, name)
        for name, weight in start.weights.items()
    }
    ema = {name: weight.copy() for name, weight in perturbed.items()}
    side.restore(replace(start, weights=perturbed, ema=ema))
    losses: list[float] = []
    label = f"ensemble {TITLES[framework]} {member + 1}/{context.scale.ensemble}"
    with tqdm(total=steps, desc=label, unit="step", file=progress_stream()) as bar:
        for epoch in range(context.config.train.epochs):
            for loss in side.train_epoch(context.images, epoch):
                losses.append(loss)
                bar.update()
                if len(losses) == steps:
                    return np.array(losses)
    return np.array(losses)
