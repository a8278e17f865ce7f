"""The stage that times both frameworks, each in a process of its own, step by step in turn."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ddpm_study.run.stage import Context
from ddpm_study.timing import TimedProcess, alternate
from implementations import FRAMEWORKS

SUBJECTS = {"training_step": "training step", "sampling_step": "sampling step"}


def measure(context: Context) -> dict[str, Any]:
    """Time a training step and a sampling step of both sides."""
    return {"subjects": [_subject(context, *subject) for subject in SUBJECTS.items()]}


def _subject(context: Context, subject: str, title: str) -> dict[str, Any]:
    config = context.config.with_(sample={"batch_size": context.scale.sample_batch}).to_dict()
    sides = {
        framework: TimedProcess(
            subject, {"framework": framework, "config": config, "device": context.device}
        )
        for framework in FRAMEWORKS
    }
    timing = alternate(sides, rounds=context.scale.rounds, progress=f"time a {title}")
    return {
        "subject": subject,
        "title": title,
        **timing.to_dict(),
        "median": {side: timing.median(side) for side in timing.seconds},
        "ratio": asdict(timing.ratio("jittor", "torch")),
    }
