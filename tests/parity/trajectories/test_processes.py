"""Steppers in several processes: equal to the bit, faults are caught, nothing waits for ever."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm_study.pairs import SHARED, Training, process_trajectory
from parity import CannotCompare, Trajectory, Verdict
from parity.trajectories.check_trajectory import check_trajectory
from parity.trajectories.processes import in_processes


def workers() -> list[int]:
    """List this process's workers by process number; Jittor's compilers are other children."""
    pid = os.getpid()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [
        int(child)
        for child in children
        if b"parity.base.worker" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


class Sum:
    """Adds up its inputs; each fault is one process's own."""

    def __init__(self, precision: str, fault: str = "") -> None:
        self.fault = fault if os.environ["RANK"] == "1" else ""
        self.total = np.zeros(3)
        if self.fault == "not built":
            raise RuntimeError("no such thing")

    def state(self) -> dict[str, Any]:
        return {"total": self.total, "size": np.array(int(os.environ["WORLD_SIZE"]))}

    def load(self, state: Mapping[str, Any]) -> None:
        self.total = state["total"]

    def step(self, number: int) -> dict[str, Any]:
        if self.fault == "raises":
            raise ValueError("not\nhere")
        if self.fault == "ends":
            os._exit(3)
        if self.fault == "waits":
            time.sleep(60)
        self.total = self.total + number
        reported = {"sum": self.total.sum()}
        if self.fault == "one bit":
            self.total = np.nextafter(self.total, 99)
        return reported


def test_processes_together_are_one_stepper() -> None:
    both = in_processes(Sum, 2)("float64")
    both.load({"total": np.arange(3.0)})
    assert both.step(2) == {"sum": 9}
    assert both.state()["total"].tolist() == [2, 3, 4]
    assert both.state()["size"] == 2
    assert "WORLD_SIZE" not in os.environ
    del both
    assert not workers()


def test_both_precisions_share_their_processes_and_end_with_the_last() -> None:
    make = in_processes(Sum, 2)
    first, second = make("float64"), make("float32")
    assert len(workers()) == 2
    first.step(1)
    assert (first.step(1)["sum"], second.step(1)["sum"]) == (6, 3)
    del first
    assert second.step(1)["sum"] == 6
    del second
    assert not workers()


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("not built", "of 2 processes: process 1 raised: RuntimeError: no such thing"),
        ("raises", "process 1 raised: ValueError: not here"),
        ("ends", r"process 1 ended \(exit status 3\)"),
        ("waits", "no answer within 5 s"),
    ],
)
def test_a_process_that_fails_is_named_and_none_is_left(fault: str, line: str) -> None:
    with pytest.raises(CannotCompare, match=line):
        in_processes(partial(Sum, fault=fault), 2, patience=5)("float64").step(1)
    assert not workers()


def test_processes_that_differ_in_one_bit_are_refused() -> None:
    both = in_processes(partial(Sum, fault="one bit"), 2)("float64")
    assert both.step(1) == {"sum": 3}, "the reports are those of before the bit"
    with pytest.raises(CannotCompare, match="0 and 1 are not equal to the bit in 'total'"):
        both.state()


def _streams_by_rank() -> None:
    """Each process draws numbers of its own."""
    from ddpm import streams

    drawn, rank = streams.noise, int(os.environ["RANK"])
    streams.noise = lambda shape, *, seed, step: drawn(shape, seed=seed + rank, step=step)


def _unweighted() -> None:
    """Means over shares of uneven size are averaged as if they were even."""
    from ddpm.shards import Shard

    Shard.weight = lambda self, size: 1.0  # type: ignore[method-assign]


def _clipped_before_the_mean() -> None:
    """Each clips its own gradient; then they are averaged."""
    import torch.distributed as dist

    from impl_torch import optim
    from impl_torch.distributed import ProcessGroup

    clip = optim.clip_grad_norm

    def clip_then_average(parameters: Any, max_norm: float) -> Any:
        kept = list(parameters)
        norm = clip(kept, max_norm)
        for parameter in kept:
            dist.all_reduce(parameter.grad)
            parameter.grad /= dist.get_world_size()
        return norm

    ProcessGroup.replica = lambda self, model: model  # type: ignore[method-assign]
    optim.clip_grad_norm = clip_then_average


def _no_mean_at_all() -> None:
    """Gradients are not averaged."""
    from impl_torch.distributed import ProcessGroup

    ProcessGroup.replica = lambda self, model: model  # type: ignore[method-assign]


INJECTED = []


def faulty(inject: Callable[[], None], precision: Any) -> Training:
    """Build torch's training with a fault, in a child that ends with it."""
    if not INJECTED:
        inject()
        INJECTED.append(inject)
    return Training("torch", SHARED, precision, batch=3)


def trajectory(inject: Callable[[], None]) -> Trajectory:
    own = process_trajectory(2)
    return Trajectory(
        name="injected",
        phase="optimizer",
        reference=own.reference,
        candidate=in_processes(partial(faulty, inject), 2),
        steps=1,
    )


@pytest.mark.parametrize(
    "inject",
    [
        _clipped_before_the_mean,
        pytest.param(_streams_by_rank, marks=pytest.mark.slow),
        pytest.param(_unweighted, marks=pytest.mark.slow),
    ],
)
def test_faults_of_training_in_processes_are_caught(inject: Callable[[], None]) -> None:
    report = check_trajectory(trajectory(inject))
    assert not report.passed
    assert report.verdict is Verdict.SEMANTIC_DIFFERENCE


@pytest.mark.slow
def test_processes_that_go_their_own_ways_are_refused() -> None:
    with pytest.raises(CannotCompare, match="not equal to the bit in 'exp_avg:"):
        check_trajectory(trajectory(_no_mean_at_all))


@pytest.mark.parametrize("size", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3, 4))])
def test_in_float64_the_losses_agree_far_below_what_float32_rounds(size: int) -> None:
    """Of batches of size + 1 rows, so that shares are uneven; what is summed has 784 terms a row.

    Rounding leaves some 2^-50 of a loss; float32, or any other fault of arithmetic, 2^-24.
    """
    make = partial(Training, "torch", SHARED, batch=size + 1)
    one, many = make("float64"), in_processes(make, size)("float64")
    for number in range(3):
        losses = [float(side.step(number)["loss"]) for side in (one, many)]
        assert losses[0] == pytest.approx(losses[1], rel=2**-40)
    apart = {name: np.abs(value - many.state()[name]).max() for name, value in one.state().items()}
    of_keys = {name for name in apart if name.endswith("key.bias")}  # their gradients are 0
    assert of_keys
    assert max(apart[name] for name in apart.keys() - of_keys) < 2**-30


def test_a_process_that_is_killed_leaves_none_behind() -> None:
    both = in_processes(Sum, 2)("float64")
    os.kill(workers()[0], signal.SIGKILL)
    with pytest.raises(CannotCompare, match=r"process \d ended \(signal 9\)"):
        both.step(1)
    assert not workers()
