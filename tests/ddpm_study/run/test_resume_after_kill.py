"""A run that is killed again and again ends with the records of an uninterrupted one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.checkpoint import Checkpoint
from ddpm.data.image_set import ImageSet, prepare
from ddpm_study.run.plan import NAMES
from ddpm_study.run.records import RunFolder

# Runs at the start of every process of a run: kills the group of the first of them at the n-th
# call, in one process, of a function whose arguments contain a word.
DYING = """
import importlib, importlib.abc, os, signal, sys
target, word, number = os.environ["DYING"].split("|")
module, _, name = target.partition(":")
number, leader = int(number), int(os.environ.setdefault("DYING_LEADER", str(os.getpid())))

def inject(owner):
    *path, last = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    plain = getattr(owner, last)

    def dying(*args, **kwargs):
        global number
        number -= word in repr(args)
        if number == 0:
            os.killpg(leader, signal.SIGKILL)
            signal.pause()  # a process of another group ends with the first
        return plain(*args, **kwargs)

    setattr(owner, last, dying)

class Injecting(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname, path, target=None):
        if fullname != module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        execute = spec.loader.exec_module
        spec.loader.exec_module = lambda made: (execute(made), inject(made))
        return spec

if module in sys.modules:
    inject(sys.modules[module])
else:
    sys.meta_path.insert(0, Injecting())
"""
PROGRAM = "from ddpm_cli import main\nmain()\n"
SIZES = (
    *("--epochs", "2", "--batch-size", "8", "--num-samples", "4", "--T", "5"),
    *("--scale", "sample_batch=2", "--scale", "seeds=2", "--scale", "ensemble_steps=4"),
    *("--scale", "exact_images=1", "--scale", "precision_steps=4", "--scale", "precision_batch=2"),
    *("--scale", "rounds=1"),
)
# Where a run dies, each time later than before: what is called, with which word in it, how often.
# Of two that go side by side one may have ended by then; the next moment is in the other or later.
MOMENTS = {
    "while a checkpoint is moved to its place": ("os:replace", "jittor/checkpoints/ddpm_", 1),
    "in a training step of the second epoch": ("impl_jittor.train:Trainer.train_step", "", 12),
    "in an ensemble": ("ddpm_study.stages.ensemble:_losses", "", 1),
    "in a reverse step of the second batch": (
        "impl_torch.samplers:Sampler.step",
        "",
        8,
    ),
    "while a batch of samples is moved to its place": (
        "os:replace",
        "jittor-from-torch/parts/part_000002",
        1,
    ),
    "in a training step in float64": ("impl_jittor.train:Trainer.train_step", "", 1),
    "in a training from another seed": ("impl_torch.train:Trainer.train_step", "", 9),
    "while a record is moved to its place": ("os:replace", "records/scores", 1),
    "while times are measured": ("ddpm_study.timing.process:RunningProcess.measure", "", 5),
}


def reproduce(out: Path, data: Path, moment: tuple[str, str, int] | None = None) -> int:
    """Run the program in a process group of its own; return its exit status."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if moment is not None:
        injected = data.parent / "injected"
        injected.mkdir(exist_ok=True)
        (injected / "sitecustomize.py").write_text(DYING)
        found = [str(injected), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment |= {"PYTHONPATH": os.pathsep.join(found), "DYING": "|".join(map(str, moment))}
    words = [sys.executable, "-c", PROGRAM, "reproduce", "--data", str(data), *SIZES]
    run = subprocess.run(
        [*words, "--out", str(out)],
        start_new_session=True,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert run.returncode in (0, -signal.SIGKILL), run.stderr[-2000:]
    return run.returncode


def settled(value: Any) -> Any:
    """Return a record's values without those that time decides."""
    if isinstance(value, dict):
        volatile = {"seconds", "images_per_second", "peak_mebibytes"}
        return {name: settled(item) for name, item in value.items() if name not in volatile}
    return [settled(item) for item in value] if isinstance(value, list) else value


def arrays(path: Path) -> dict[str, np.ndarray]:
    """Return every array of a run: the last checkpoints and all samples."""
    found = {}
    for file in sorted(path.glob("*/checkpoints/*epoch2.safetensors")):
        state = Checkpoint.load(file)
        for group in ("weights", "ema", "exp_avg", "exp_avg_sq"):
            for name, array in getattr(state, group).items():
                found[f"{file.parent.parent.name} {group} {name}"] = array
    for file in sorted(path.glob("*/samples.npz")):
        with np.load(file) as samples:
            found |= {f"{file.parent.name} {name}": samples[name] for name in samples.files}
    return found


def require_same(broken: Path, unbroken: Path) -> None:
    """Compare all that a run leaves but what time decides."""
    for stage in (stage for stage in NAMES if stage != "timing"):
        one, other = (RunFolder(path).result(stage) for path in (broken, unbroken))
        assert settled(one) == settled(other), stage
    first, second = (json.loads((path / "parity.json").read_text()) for path in (broken, unbroken))
    assert settled(first) == settled(second)
    first_arrays, second_arrays = arrays(broken), arrays(unbroken)
    assert len(first_arrays) > 100
    assert first_arrays.keys() == second_arrays.keys()
    assert [n for n, a in first_arrays.items() if not np.array_equal(a, second_arrays[n])] == []


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_as_an_unbroken_one(tmp_path: Path) -> None:
    digits, data = prepare("mnist"), tmp_path / "digits.npz"
    ImageSet(digits.images[::80], digits.labels[::80], digits.classes).save(data)
    broken, unbroken = tmp_path / "broken", tmp_path / "unbroken"
    done: set[str] = set()
    for name, moment in MOMENTS.items():
        assert reproduce(broken, data, moment) == -signal.SIGKILL, name
        now = {stage for stage in NAMES if RunFolder(broken).record(stage) is not None}
        assert done <= now, f"{name}: {done - now} were lost"
        done = now
    assert "timing" not in done
    assert reproduce(broken, data) == reproduce(unbroken, data) == 0
    require_same(broken, unbroken)
    left = [path.name for path in broken.rglob("*") if path.name.startswith((".", "part"))]
    assert left == []
