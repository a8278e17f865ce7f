"""The stage that runs some training steps and samplings in both float32 and float64.

A difference that is rounding shrinks by about 2^29 in float64; one that is a fault does not shrink.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from tqdm import tqdm

from ddpm import sampling
from ddpm.checkpoint import Checkpoint
from ddpm.config import RunConfig
from ddpm.logs.progress_stream import progress_stream
from ddpm.training import Trainer
from ddpm_study.agreement import (
    Discrepancy,
    GradientCoverage,
    gradient_coverage,
    largest_difference,
    relative_difference,
)
from ddpm_study.run.stage import Context
from ddpm_study.stages.sampling import agreement_of_images
from implementations import FRAMEWORKS, TITLES, chain, trainer


@dataclass(frozen=True)
class _ShortRun:
    """The result of some training steps and of a small sampling.

    Attributes:
        losses: float64 (steps,).
        state: checkpoint after the steps.
        samples: images (N, C, H, W) from the weights of the run's own training.
    """

    losses: np.ndarray
    state: Checkpoint
    samples: np.ndarray


def compare_precisions(context: Context) -> dict[str, Any]:
    """Run both frameworks in both precisions, and compare them."""
    scale = context.scale
    batch = min(scale.precision_batch, context.config.train.batch_size)
    steps = min(scale.precision_steps, len(context.images) // batch)
    config = context.config.with_(train={"batch_size": batch})
    runs = {
        dtype: {f: _short_run(context, config, steps, f, dtype) for f in FRAMEWORKS}
        for dtype in ("float64", "float32")
    }
    return {"steps": steps, "batch": batch, **compare(runs["float32"], runs["float64"])}


def _short_run(
    context: Context, config: RunConfig, steps: int, framework: str, dtype: str
) -> _ShortRun:
    label = f"{TITLES[framework]} in {dtype}"
    side = trainer(framework, config, context.device, dtype)
    losses = np.array(list(_losses(side, context.images, steps, label)))
    state = side.checkpoint(dataset="precision", epoch=0)
    final, count = context.last_checkpoint("train-torch"), context.scale.exact_images
    few = {"num_samples": count, "batch_size": count, "seed": config.train.seed}
    final = replace(final, config=final.config.with_(sample=few))
    start = chain(framework, final, context.device, dtype)
    samples = sampling.sample(start, final.config, label=label).images
    return _ShortRun(losses, state, samples)


def _losses(side: Trainer, images: np.ndarray, steps: int, label: str) -> Iterator[float]:
    epoch = side.train_epoch(images, 0)
    for _ in tqdm(range(steps), desc=label, unit="step", file=progress_stream()):
        yield next(epoch)


def compare(single: dict[str, _ShortRun], double: dict[str, _ShortRun]) -> dict[str, Any]:
    """Compare both frameworks' short runs.

    Args:
        single: framework -> its run in float32.
        double: framework -> its run in float64.

    Returns:
        `agree`; `discrepancies`, as `Discrepancy.to_dict`; `parameters`, as `GradientCoverage`;
        `pixels`, precision -> agreement of the images.
    """
    coverage = gradient_coverage([run.state.exp_avg_sq for run in double.values()])
    in_single, in_double = (_differences(runs, coverage) for runs in (single, double))
    discrepancies = [
        Discrepancy(quantity, float32=in_single[quantity], float64=in_double[quantity])
        for quantity in in_single
    ]
    return {
        "agree": coverage.is_complete and all(d.is_rounding for d in discrepancies),
        "discrepancies": [d.to_dict() for d in discrepancies],
        "parameters": asdict(coverage),
        "pixels": {
            dtype: agreement_of_images(runs["torch"].samples, runs["jittor"].samples)
            for dtype, runs in (("float64", double), ("float32", single))
        },
    }


def _differences(runs: dict[str, _ShortRun], coverage: GradientCoverage) -> dict[str, float]:
    """Return quantity -> largest relative difference of the two frameworks."""
    a, b = (runs[framework] for framework in FRAMEWORKS)
    return {
        "loss": relative_difference(a.losses, b.losses),
        "weights": largest_difference(a.state.weights, b.state.weights, coverage.compared),
        "averaged weights": largest_difference(a.state.ema, b.state.ema, coverage.compared),
        "sampled images": relative_difference(a.samples, b.samples),
    }
