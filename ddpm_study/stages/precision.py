"""The proof: some training steps and a few images in both precisions, on both sides.

A gap that is rounding shrinks by 2^29 in float64, a gap that is a fault stays what it was.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from tqdm import tqdm

from ddpm import sampling
from ddpm.checkpoint import Checkpoint
from ddpm.training import Trainer
from ddpm_study.agreement import Discrepancy, largest_gap, parameters_with_gradient, relative_gap
from ddpm_study.stage import Context
from ddpm_study.stages.sampling import agreement_of_images
from implementations import FRAMEWORKS, TITLES, chain, trainer


def probe(context: Context) -> dict[str, Any]:
    """Run some steps and a few images on both sides in both precisions, and compare them."""
    batch = min(context.scale.probe_batch, context.config.train.batch_size)
    steps = min(context.scale.probe_steps, len(context.images) // batch)
    config = context.config.with_(train={"batch_size": batch})
    final = context.final("train-torch")
    count = context.scale.exact_images
    few = {"num_samples": count, "batch_size": count, "seed": config.train.seed}
    final.config = final.config.with_(sample=few)
    measured: dict[str, list[float]] = {}
    pixels: dict[str, Any] = {}
    for dtype in ("float64", "float32"):
        losses, states, samples = {}, {}, {}
        for framework in FRAMEWORKS:
            label = f"probe {TITLES[framework]} {dtype}"
            side = trainer(framework, config, context.device, dtype)
            losses[framework] = np.array(list(_losses(side, context.images, steps, label)))
            states[framework] = side.checkpoint(dataset="probe", epoch=0)
            start = chain(framework, final, context.device, dtype)
            samples[framework] = sampling.sample(start, final.config, label=label).images
        if dtype == "float64":
            names = parameters_with_gradient(states["torch"].exp_avg_sq)
        for quantity, gap in {
            "loss": relative_gap(losses["torch"], losses["jittor"]),
            **_gaps_of_states(states["torch"], states["jittor"], names),
            "sampled images, same weights": relative_gap(samples["torch"], samples["jittor"]),
        }.items():
            measured.setdefault(quantity, []).append(gap)
        pixels[dtype] = agreement_of_images(samples["torch"], samples["jittor"])
    gaps = [
        Discrepancy(quantity, float32=g32, float64=g64) for quantity, (g64, g32) in measured.items()
    ]
    return {
        "steps": steps,
        "batch": batch,
        "agree": all(gap.is_rounding for gap in gaps),
        "gaps": [gap.to_dict() for gap in gaps],
        "pixels": pixels,
    }


def _gaps_of_states(a: Checkpoint, b: Checkpoint, names: list[str]) -> dict[str, float]:
    return {
        f"weights ({len(names)} of {len(a.weights)})": largest_gap(a.weights, b.weights, names),
        f"averages ({len(names)} of {len(a.ema)})": largest_gap(a.ema, b.ema, names),
    }


def _losses(side: Trainer, images: np.ndarray, steps: int, label: str) -> Iterator[float]:
    epoch = side.train_epoch(images, 0)
    for _ in tqdm(range(steps), desc=label, unit="step", file=sys.stderr):
        yield next(epoch)
