"""A kill while Jittor compiles kernels leaves a cache that the same program can use."""

from __future__ import annotations

import random
import secrets
import signal
from pathlib import Path

import pytest
from tqdm import tqdm

from jittor_env import cache
from tests.reliability.killing import Command, Moment, run

KILLS = 6
KERNELS = 5
# Each line that it prints needs a kernel that no other program has: a chain of drawn operations.
PROGRAM = """
import random, sys
import numpy as np
import jittor_env
jt = jittor_env.load()
STEPS = ("{0}.sin(x)", "{0}.cos(x)", "x * x", "x + 0.5", "{0}.exp(-x * x)", "0.25 - x")
generator = random.Random(int(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    x = start = np.linspace(-1, 1, 7)
    y = jt.array(start.astype(np.float32))
    for _ in range(24):
        step = generator.choice(STEPS)
        x = eval(step.format("np"), {"np": np, "x": x})
        y = eval(step.format("jt"), {"jt": jt, "x": y})
    assert np.abs(y.numpy() - x).max() < 1e-4, (y, x)
    print(y.numpy().tobytes().hex(), flush=True)
"""


def folder_of_kernels() -> Path:
    """Return the folder in which a kernel appears that is compiled now."""
    program = Command((str(secrets.randbelow(2**62)), "1"), start=("-c", PROGRAM))
    ending = run(program, cache.own_folder())
    assert ending.status == 0, ending.output
    folders = cache.root().glob("jt*/*/*/*/*/*/*/jit")
    return max(folders, key=lambda folder: folder.stat().st_mtime)


@pytest.mark.slow
def test_a_kill_while_kernels_are_compiled_poisons_nothing() -> None:
    generator, kills = random.Random(18), 0
    kernels = folder_of_kernels()
    with tqdm(total=KILLS, desc="compiling", unit="kill") as bar:
        while kills < KILLS:
            seed = secrets.randbelow(2**62)  # of kernels that the cache cannot have yet
            program = Command((str(seed), str(KERNELS)), start=("-c", PROGRAM))
            moment = Moment(files=generator.randint(1, 3 * KERNELS - 1))
            ending = run(program, kernels, moment)
            assert ending.status == -signal.SIGKILL, f"{seed}: {ending.output}"
            first, second = (run(program, kernels) for _ in range(2))
            assert first.status == second.status == 0, f"{seed}: {first.output}{second.output}"
            lines = first.output.splitlines()
            assert len(lines[-KERNELS:]) == KERNELS
            assert lines[-KERNELS:] == second.output.splitlines()[-KERNELS:], seed
            done = [line for line in ending.output.splitlines() if line in lines]
            assert len(done) < KERNELS
            kills += 1
            bar.update()
