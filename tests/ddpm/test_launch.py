"""Launchers are recognised, and others refused in one line that says what to do."""

import numpy as np
import pytest

from ddpm.errors import InputError
from ddpm.launch import Launch, launched, require_launcher, require_one_process, require_same

TORCHRUN = {"RANK": "1", "WORLD_SIZE": "2"}
OPEN_MPI = {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}
OTHER_MPI = {"PMI_RANK": "1", "PMI_SIZE": "2"}


@pytest.fixture
def started_by(monkeypatch):
    """Set what a launcher leaves behind, and nothing that this run was started by."""

    def start(variables):
        for name in (*TORCHRUN, "LOCAL_RANK", *OPEN_MPI, *OTHER_MPI):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return start


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, Launch()),
        (TORCHRUN, Launch("torchrun", 1, 2, 1)),
        ({**TORCHRUN, "LOCAL_RANK": "0"}, Launch("torchrun", 1, 2, 0)),
        (OPEN_MPI, Launch("mpirun", 1, 2, 1)),
        (OTHER_MPI, Launch("another MPI than Open MPI", 1, 2, 1)),
        ({"RANK": "0", "WORLD_SIZE": "1"}, Launch()),
        ({"WORLD_SIZE": "the whole"}, Launch()),
    ],
)
def test_a_launcher_is_known_by_what_it_leaves_behind(variables, expected, started_by):
    started_by(variables)
    assert launched() == expected


@pytest.mark.parametrize(
    ("variables", "framework", "device", "line"),
    [
        (OPEN_MPI, "jittor", "cpu", "jittor trains in one process here, not in 2: leave mpirun"),
        (TORCHRUN, "jittor", "cpu", "jittor trains in one process here, not in 2: leave torchrun"),
        (OPEN_MPI, "torch", "cpu", "2 processes started by mpirun; start them with torchrun"),
        (OTHER_MPI, "torch", "cpu", "started by another MPI than Open MPI"),
        (TORCHRUN, "torch", "cuda", "--device cuda is for one process, and there are 2"),
    ],
)
def test_processes_that_could_not_find_each_other_are_refused(
    variables, framework, device, line, started_by
):
    started_by(variables)
    with pytest.raises(InputError, match=line) as refused:
        require_launcher(framework, device)
    assert "\n" not in str(refused.value)


def test_torchrun_may_train_and_nothing_else(started_by):
    started_by(TORCHRUN)
    require_launcher("torch", "cpu")
    with pytest.raises(InputError, match="ddpm sample runs in one process, not in 2"):
        require_one_process("sample")


def test_one_process_may_do_everything(started_by):
    started_by({})
    require_launcher("jittor", "cuda")
    require_one_process("sample")


class Two:
    """A group of two processes, of which the first to ask stands for the other."""

    size = 2

    def __init__(self):
        self.values = None

    def same(self, values):
        if self.values is None:
            self.values = values  # of the other process
            return np.ones_like(values, bool)
        return values == self.values


IMAGES = np.zeros((2, 3), np.float32)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({}, ""),
        ({"options": (1, 3)}, "not given the same options;"),
        ({"--data": IMAGES + 1}, "not given the same --data;"),
        ({"--data": IMAGES.reshape(3, 2)}, "not given the same --data;"),
        ({"--data": IMAGES.astype(np.int32)}, "not given the same --data;"),
        ({"--resume": {"step": 1, "a": IMAGES}}, "not given the same --resume;"),
        ({"--resume": {"step": 0, "b": IMAGES}}, "not given the same --resume;"),
        (
            {"options": 0, "--data": 0},
            "not given the same options and --data;",
        ),
    ],
)
def test_processes_with_other_input_are_refused(changed, line):
    inputs = {"options": (1, 2), "--data": IMAGES, "--resume": {"step": 0, "a": IMAGES}}
    group = Two()
    require_same(group, inputs)
    if not line:
        require_same(group, {**inputs, "--data": IMAGES.copy()})
        return
    with pytest.raises(InputError, match=line):
        require_same(group, {**inputs, **changed})
