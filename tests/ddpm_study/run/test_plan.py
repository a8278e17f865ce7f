"""The plan: stages that are done or refused, after an interruption, and repeated."""

from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest

from ddpm.config import preset
from ddpm.data.image_set import ImageSet
from ddpm.errors import InputError
from ddpm_study.run import plan
from ddpm_study.run.records import Record, RunFolder
from ddpm_study.run.sizes import SIZES
from ddpm_study.run.stage import Context, Stage
from ddpm_study.run.time_estimate import TimeEstimate


@pytest.fixture
def context(tmp_path, monkeypatch):
    images = np.zeros((64, 1, 28, 28), np.float32)
    prepared = ImageSet(images, np.zeros(64, np.int64), ("digit",))
    monkeypatch.setattr(
        TimeEstimate, "measure", classmethod(lambda cls, config, threads: TimeEstimate(0.01, 0.001))
    )
    return Context(
        RunFolder(tmp_path), "tiny", "mnist", prepared, preset("tiny"), SIZES["tiny"], "cpu"
    )


def done(context, *names):
    for name in names:
        context.folder.write_record(Record(name, "", 1.0, {}, {"report": "parity.json"}))


def names(steps, *, todo=True):
    return [step.stage.name for step in steps if step.done is not todo]


def test_a_stage_comes_after_what_it_needs():
    for i, stage in enumerate(plan.STAGES):
        assert set(stage.needs) <= set(plan.NAMES[:i]), stage.name


def test_a_new_run_does_everything_and_says_how_long(context):
    steps = plan.make(context)
    assert names(steps) == list(plan.NAMES)
    assert all(step.seconds > 0 for step in steps)


def test_what_is_done_is_not_done_again(context):
    done(context, "prepare", "parity")
    steps = plan.make(context)
    assert names(steps, todo=False) == ["prepare", "parity"]
    assert names(steps)[0] == "schedule"


def test_only_and_skip_choose(context):
    assert names(plan.make(context, only=["schedule"])) == ["schedule"]
    assert "seeds" not in names(plan.make(context, skip=["seeds"]))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"only": ["pixel"]}, "there is no stage 'pixel': choose from prepare, "),
        ({"skip": ["pixel"]}, "there is no stage 'pixel'"),
        ({"only": ["pixels"]}, "the stage 'pixels' needs 'sample-torch', which is not done"),
        ({"skip": ["train-jittor"]}, "needs 'train-jittor', which is not done"),
    ],
)
def test_a_plan_that_cannot_be_done_is_refused(context, options, line):
    with pytest.raises(InputError, match=line):
        plan.make(context, **options)


def stages(log, monkeypatch):
    """Put three stages in the place of the real ones; the last needs the first."""

    def noting(name):
        return lambda context: log.append(name) or {"name": name}

    made = tuple(
        Stage(name, name, needs, noting(name), lambda c, s: 60.0, (f"{name}.txt",))
        for name, needs in (("a", ()), ("b", ()), ("c", ("a",)))
    )
    monkeypatch.setattr(plan, "STAGES", made)
    monkeypatch.setattr(plan, "NAMES", ("a", "b", "c"))


def test_a_run_broken_off_goes_on_where_it_was(context, monkeypatch):
    log = []
    stages(log, monkeypatch)
    running = plan.run(context, plan.make(context))
    assert next(running)[1] == 180
    next(running)  # b is about to begin when the run dies
    running.close()
    assert log == ["a"]
    assert names(plan.make(context), todo=False) == ["a"]
    assert [step.stage.name for step, _ in plan.run(context, plan.make(context))] == ["b", "c"]
    assert log == ["a", "b", "c"]
    assert context.folder.result("c") == {"name": "c"}


def grouped(log, monkeypatch):
    """Put stages in the place of the real ones, the second and third of which are a group."""

    def noting(name):
        return lambda context: log.append(name) or {}

    made = tuple(
        Stage(name, name, (), noting(name), lambda c, s: 60.0, (), lambda c: 2, group)
        for name, group in (("a", ""), ("b", "g"), ("c", "g"), ("d", ""))
    )
    monkeypatch.setattr(plan, "STAGES", made)
    monkeypatch.setattr(plan, "NAMES", tuple("abcd"))


def test_a_group_is_announced_whole_and_done_side_by_side(context, monkeypatch):
    log, calls = [], []
    grouped(log, monkeypatch)

    def noting(jobs, wanted):
        calls.append((len(jobs), wanted))
        for job in jobs:
            job()

    monkeypatch.setattr(plan, "run_in_parallel", noting)
    running = plan.run(context, plan.make(context))
    announced = [(step.stage.name, list(log)) for step, _ in running]
    assert announced == [("a", []), ("b", ["a"]), ("c", ["a"]), ("d", ["a", "b", "c"])]
    assert calls == [(1, 1), (2, 2), (1, 1)]
    assert all(context.folder.record(name) for name in "abcd")


def test_what_is_left_of_a_group_has_the_threads_it_would_have_had(context, monkeypatch):
    calls = []
    grouped([], monkeypatch)
    done(context, "a", "b", "d")
    monkeypatch.setattr(
        plan, "run_in_parallel", lambda jobs, wanted: calls.append((len(jobs), wanted))
    )
    assert [step.stage.name for step, _ in plan.run(context, plan.make(context))] == ["c"]
    assert calls == [(1, 2)]


def test_no_stage_of_a_group_needs_another():
    for stage in plan.STAGES:
        group = {s.name for s in plan.STAGES if s.group and s.group == stage.group}
        assert not group.intersection(stage.needs)
    groups = [group for group, _ in groupby(stage.group for stage in plan.STAGES) if group]
    assert groups == ["train", "sample"], "each is in one piece"


def test_a_gpu_is_for_one_process(context):
    on_gpu = replace(context, device="cuda")
    assert {stage.workers(on_gpu) for stage in plan.STAGES} == {1}
    assert {stage.workers(context) for stage in plan.STAGES} == {1, 2}


def test_to_do_a_stage_again_forgets_what_was_built_on_it(context, monkeypatch):
    stages([], monkeypatch)
    done(context, "a", "b", "c")
    for name in "abc":
        (context.folder.path / f"{name}.txt").write_text(name)
    plan.discard(context, ["a"])
    assert names(plan.make(context)) == ["a", "c"]
    assert [path.name for path in context.folder.path.glob("*.txt")] == ["b.txt"]
