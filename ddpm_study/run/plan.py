"""The stages of a run in order, the choice of stages, and their execution."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from itertools import groupby

from ddpm.errors import InputError
from ddpm_study.run import stage_seconds
from ddpm_study.run.environment import environment
from ddpm_study.run.parallel import run_in_parallel, threads, worker_count
from ddpm_study.run.records import Record, RunManifest
from ddpm_study.run.stage import Context, Stage
from ddpm_study.run.time_estimate import TimeEstimate
from ddpm_study.stages import (
    ensemble,
    parity,
    precision,
    preparing,
    sampling,
    scoring,
    seeds,
    timing,
    training,
)
from implementations import TITLES


def _worker_per_framework(context: Context) -> int:
    return context.workers(len(TITLES))


_SAMPLED = ("sample-torch", "sample-jittor", "sample-same")
STAGES = (
    Stage("prepare", "keep the training set", (), preparing.keep_set, lambda c, s: 1, ()),
    Stage(
        "parity", "compare both U-Nets layer by layer, forward and backward", (),
        parity.compare_unets, stage_seconds.comparison, (parity.UNET_REPORT,),
    ),
    Stage(
        "schedule", "compare both noise schedules with exact arithmetic", (),
        parity.compare_schedules, lambda c, s: 2 + c.config.diffusion.T / 300,
        (parity.SCHEDULE_REPORT,),
    ),
    *(
        Stage(
            f"train-{f}", f"train {title}", ("prepare",),
            partial(training.train, framework=f), stage_seconds.training,
            (f"{f}/logs", f"{f}/checkpoints"), _worker_per_framework, "train",
        )
        for f, title in TITLES.items()
    ),
    Stage(
        "ensemble", "train again from weights perturbed by one ulp",
        ("train-torch", "train-jittor"), ensemble.train_ensemble, stage_seconds.ensemble, (),
        _worker_per_framework,
    ),
    *(
        Stage(
            f"sample-{f}", f"sample {title} from its own weights", (f"train-{f}",),
            partial(sampling.sample, framework=f, weights=f), stage_seconds.sampling,
            (f"{f}/samples.npz", f"{f}/samples", f"{f}/parts"), _worker_per_framework, "sample",
        )
        for f, title in TITLES.items()
    ),
    Stage(
        "sample-same", "sample Jittor from PyTorch's weights", ("train-torch",),
        partial(sampling.sample, framework="jittor", weights="torch"), stage_seconds.sampling,
        ("jittor-from-torch",),
    ),
    Stage(
        "pixels", "compare the images pixel by pixel", _SAMPLED, sampling.compare,
        lambda c, s: 1, (),
    ),
    Stage(
        "precision", "some training steps and images in float32 and float64",
        ("prepare", "train-torch"), precision.compare_precisions, stage_seconds.precision, (),
    ),
    Stage(
        "seeds", "train and sample PyTorch from other seeds", ("prepare",),
        seeds.train_and_sample, stage_seconds.seeds, ("torch-seed-*",), seeds.workers,
    ),
    Stage(
        "scores", "score the images", ("prepare", *_SAMPLED), scoring.score_all,
        stage_seconds.scoring, (),
    ),
    Stage(
        "timing", "time both frameworks, step by step in turn", (), timing.measure,
        stage_seconds.timing, (),
    ),
)  # fmt: skip
NAMES = tuple(stage.name for stage in STAGES)


@dataclass(frozen=True)
class Step:
    """A stage in a plan.

    Attributes:
        stage: the stage.
        done: whether it is done already.
        seconds: rough duration; 0 if done.
    """

    stage: Stage
    done: bool
    seconds: float


def manifest(context: Context, skipped: Iterable[str]) -> RunManifest:
    """Return the manifest of a run."""
    return RunManifest(
        preset=context.preset,
        dataset=context.name,
        images=hashlib.sha256(context.images.tobytes()).hexdigest()[:16],
        config=context.config.to_dict(),
        scale=asdict(context.scale),
        stages=list(NAMES),
        skipped=sorted(skipped),
    )


def make(context: Context, *, only: Iterable[str] = (), skip: Iterable[str] = ()) -> list[Step]:
    """Choose the stages of a run.

    Args:
        context: of the run.
        only: names of stages; none for all.
        skip: names of stages to leave out.

    Raises:
        InputError: there is no stage of such a name, or a chosen stage needs one that is neither
            chosen before it nor done.
    """
    only, skip = tuple(only), tuple(skip)
    for name in (*only, *skip):
        if name not in NAMES:
            raise InputError(f"there is no stage {name[:40]!r}: choose from {', '.join(NAMES)}")
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
    """Return the joint speed of a stage's workers."""
    return TimeEstimate.measure(context.config, threads(wanted)).shared_by(worker_count(wanted))


def run(context: Context, steps: Iterable[Step]) -> Iterator[tuple[Step, float]]:
    """Run the stages that are not done; yield each with the seconds left, before it starts.

    All stages of a group are yielded before the first of them starts. The seconds left are scaled
    by how the stages so far compare with their estimates.
    """
    todo = [step for step in steps if not step.done]
    spent = expected = 0.0
    for _, group in groupby(todo, key=lambda step: step.stage.group or step.stage.name):
        together = list(group)
        pace = spent / expected if expected > 30 else 1.0
        left = pace * sum(other.seconds for other in todo[todo.index(together[0]) :])
        yield from ((step, left) for step in together)
        start = time.perf_counter()
        jobs = [partial(_run_stage, context, step.stage.name) for step in together]
        run_in_parallel(jobs, together[0].stage.workers(context) if together[0].stage.group else 1)
        spent += time.perf_counter() - start
        expected += sum(step.seconds for step in together)


def _run_stage(context: Context, name: str) -> None:
    """Run a stage and write its record."""
    stage = next(stage for stage in STAGES if stage.name == name)
    start = time.perf_counter()
    result = stage.run(context)
    context.folder.write_record(
        Record(
            stage=name,
            finished=datetime.now().astimezone().isoformat(timespec="seconds"),
            seconds=round(time.perf_counter() - start, 3),
            environment=environment(),
            result=result,
        )
    )


def discard(context: Context, names: Iterable[str]) -> None:
    """Remove the records and outputs of stages and of all stages that need them."""
    names, discarded = set(names), set[str]()
    for stage in STAGES:
        if stage.name in names or discarded.intersection(stage.needs):
            discarded.add(stage.name)
            context.folder.remove_record(stage.name)
            for pattern in stage.outputs:
                for path in context.folder.path.glob(pattern):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
