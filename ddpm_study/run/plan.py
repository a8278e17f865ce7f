"""The stages in their order, which of them a run does, and the doing."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from ddpm.errors import InputError
from ddpm_study.run.environment import environment
from ddpm_study.run.parallel import run_in_parallel, threads, workers
from ddpm_study.run.records import Record
from ddpm_study.run.stage import Context, Stage
from ddpm_study.run.time_estimate import TimeEstimate
from ddpm_study.stages import (
    ensemble,
    parity,
    precision,
    sampling,
    scoring,
    seeds,
    timing,
    training,
)
from implementations import TITLES


def _prepare(context: Context) -> dict[str, Any]:
    prepared = context.prepared
    if not context.data_path.exists():
        prepared.save(context.data_path)
    counts = np.bincount(prepared.labels, minlength=len(prepared.classes))
    return {
        "path": str(context.data_path.relative_to(context.folder.path)),
        "images": len(prepared.images),
        "shape": list(prepared.images.shape[1:]),
        "classes": dict(zip(prepared.classes, counts.tolist(), strict=True)),
    }


def _sample(context: Context, framework: str, weights: str) -> dict[str, Any]:
    """Sample one side from the weights that a side trained."""
    place = framework if framework == weights else f"{framework}-from-{weights}"
    return sampling.draw(context, place, framework, context.final(f"train-{weights}"))


def _sides(context: Context) -> int:
    """Return the lanes of what each framework does by itself."""
    return context.workers(len(TITLES))


_DRAWN = ("sample-torch", "sample-jittor", "sample-same")
STAGES = (
    Stage("prepare", "keep the training set", (), _prepare, lambda c, s: 1, ()),
    Stage(
        "parity", "compare both U-Nets layer by layer, forward and backward", (),
        parity.judge, lambda c, s: s.judgement, ("parity.json",),
    ),
    Stage(
        "schedule", "compare both schedules with exact arithmetic", (),
        parity.judge_schedule, lambda c, s: 2 + c.config.diffusion.T / 300, (),
    ),
    *(
        Stage(
            f"train-{f}", f"train {title}", ("prepare",),
            partial(training.train, framework=f), lambda c, s: s.training(c),
            (f"{f}/logs", f"{f}/checkpoints"), _sides, "train",
        )
        for f, title in TITLES.items()
    ),
    Stage(
        "ensemble", "train again from weights moved by one ulp", ("train-torch", "train-jittor"),
        ensemble.train_ensemble, lambda c, s: s.ensemble(c), (), _sides,
    ),
    *(
        Stage(
            f"sample-{f}", f"sample {title} from its own weights", (f"train-{f}",),
            partial(_sample, framework=f, weights=f), lambda c, s: s.sampling(c),
            (f"{f}/samples.npz", f"{f}/samples", f"{f}/parts"), _sides, "sample",
        )
        for f, title in TITLES.items()
    ),
    Stage(
        "sample-same", "sample Jittor from PyTorch's weights", ("train-torch",),
        partial(_sample, framework="jittor", weights="torch"), lambda c, s: s.sampling(c),
        ("jittor-from-torch",),
    ),
    Stage("pixels", "compare the images pixel by pixel", _DRAWN, sampling.compare,
          lambda c, s: 1, ()),
    Stage(
        "probe", "a few steps and images in float32 and float64", ("prepare", "train-torch"),
        precision.probe, lambda c, s: s.probe(c), (),
    ),
    Stage(
        "seeds", "train and sample PyTorch from other seeds", ("prepare",),
        seeds.train_and_sample, lambda c, s: c.scale.seeds * (s.training(c) + s.sampling(c)),
        ("torch-seed-*",), seeds.workers,
    ),
    Stage("scores", "score the images", ("prepare", *_DRAWN), scoring.score_all,
          lambda c, s: s.scoring(c), ()),
    Stage("timing", "time both, step by step in turn", (), timing.measure,
          lambda c, s: s.timing(c), ()),
)  # fmt: skip
NAMES = tuple(stage.name for stage in STAGES)


@dataclass(frozen=True)
class Step:
    """A stage in a plan.

    Attributes:
        stage: what to do.
        done: whether it is done already.
        seconds: how long it will take, roughly; 0 if done.
    """

    stage: Stage
    done: bool
    seconds: float


def make(context: Context, *, only: Iterable[str] = (), skip: Iterable[str] = ()) -> list[Step]:
    """Choose the stages of a run.

    Args:
        context: of the run.
        only: names of stages; none for all.
        skip: names of stages to leave out.

    Raises:
        InputError: a name is no stage's, or a chosen stage needs one that is neither chosen before
            it nor done.
    """
    only, skip = tuple(only), tuple(skip)
    for name in (*only, *skip):
        if name not in NAMES:
            raise InputError(f"there is no stage {name!r}: choose from {', '.join(NAMES)}")
    chosen = [s for s in STAGES if (not only or s.name in only) and s.name not in skip]
    done = {name for name in NAMES if context.folder.record(name) is not None}
    available = set(done)
    for stage in chosen:
        missing = [name for name in stage.needs if name not in available]
        if missing and stage.name not in done:
            raise InputError(
                f"the stage {stage.name!r} needs {missing[0]!r}, which is not done in"
                f" {context.folder.path}; run it too, or leave out {stage.name!r} with --skip"
            )
        available.add(stage.name)
    todo = [stage for stage in chosen if stage.name not in done]
    speed = {n: _speed(context, n) for n in {stage.workers(context) for stage in todo}}
    return [
        Step(s, False, s.seconds(context, speed[s.workers(context)]))
        if s in todo
        else Step(s, True, 0.0)
        for s in chosen
    ]


def _speed(context: Context, wanted: int) -> TimeEstimate:
    """Return how fast the lanes of a stage are together."""
    return TimeEstimate.measure(context.config, threads(wanted)).shared_by(workers(wanted))


def run(context: Context, steps: Iterable[Step]) -> Iterator[tuple[Step, float]]:
    """Do what is not done; before each stage yield it and the seconds left from there on.

    Stages of a group are all yielded before the first of them begins. What is left is corrected by
    how the stages so far compare with what was expected of them.
    """
    todo = [step for step in steps if not step.done]
    spent = expected = 0.0
    for _, group in groupby(todo, key=lambda step: step.stage.group or step.stage.name):
        together = list(group)
        pace = spent / expected if expected > 30 else 1.0
        left = pace * sum(other.seconds for other in todo[todo.index(together[0]) :])
        yield from ((step, left) for step in together)
        begun = time.perf_counter()
        jobs = [partial(_do, context, step.stage.name) for step in together]
        run_in_parallel(jobs, together[0].stage.workers(context) if together[0].stage.group else 1)
        spent += time.perf_counter() - begun
        expected += sum(step.seconds for step in together)


def _do(context: Context, name: str) -> None:
    """Do a stage and write its record."""
    stage = next(stage for stage in STAGES if stage.name == name)
    begun = time.perf_counter()
    result = stage.run(context)
    context.folder.write_record(
        Record(
            stage=name,
            finished=datetime.now().astimezone().isoformat(timespec="seconds"),
            seconds=round(time.perf_counter() - begun, 3),
            environment=environment(),
            result=result,
        )
    )


def forget(context: Context, names: Iterable[str]) -> None:
    """Remove what stages left, and what those left that were built on it."""
    gone: set[str] = set()
    for stage in STAGES:
        if stage.name in names or gone.intersection(stage.needs):
            gone.add(stage.name)
            context.folder.forget(stage.name)
            for pattern in stage.outputs:
                for path in context.folder.path.glob(pattern):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
