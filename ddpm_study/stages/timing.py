"""The stage that times both frameworks, each in its own process, step by step in turn."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ddpm_study.run.stage import Context
from ddpm_study.timing import TimedProcess, alternate
from implementations import FRAMEWORKS

BENCHMARKS = {"training_step": "training step", "sampling_step": "sampling step"}


def measure(context: Context) -> dict[str, Any]:
    """Time a training step and a sampling step of both frameworks."""
    return {"benchmarks": [_time(context, *benchmark) for benchmark in BENCHMARKS.items()]}


def _time(context: Context, benchmark: str, title: str) -> dict[str, Any]:
    config = context.config.with_(sample={"batch_size": context.scale.sample_batch}).to_dict()
    processes = {
        framework: TimedProcess(
            benchmark, {"framework": framework, "config": config, "device": context.device}
        )
        for framework in FRAMEWORKS
    }
    timing = alternate(processes, rounds=context.scale.rounds, progress=f"time a {title}")
    return {
        "benchmark": benchmark,
        "title": title,
        **timing.to_dict(),
        "median": {framework: timing.median(framework) for framework in timing.seconds},
        "ratio": asdict(timing.ratio("jittor", "torch")),
    }
