"""A kill while Jittor compiles kernels leaves a cache that the same command can use."""

from __future__ import annotations

import random
import shutil
import signal
from pathlib import Path

import pytest
from tqdm import tqdm

from jittor_env import cache
from tests.reliability.killed_commands import result
from tests.reliability.killing import Command, Moment, run

KILLS = 8


def copy_without_kernels(home: Path) -> None:
    """Copy the cache in use, but no kernel: compiling the core takes minutes."""

    def kernels(folder: str, names: list[str]) -> list[str]:
        return names if Path(folder).name == "jit" else []

    shutil.copytree(cache.root(), home / ".cache" / "jittor", symlinks=True, ignore=kernels)


@pytest.mark.slow
def test_a_kill_while_kernels_are_compiled_poisons_nothing(tmp_path: Path, inputs: Path) -> None:
    home, model = tmp_path / "home", inputs / "model.safetensors"
    copy_without_kernels(home)

    def sample(out: Path) -> Command:
        words = ("sample", "--ckpt", str(model), "--framework", "jittor", "--num-samples", "2")
        variables = {"JITTOR_HOME": str(home)}
        return Command((*words, "--out", str(out)), variables=variables)

    first = run(sample(tmp_path / "unbroken"), home)
    if first.status == 2:  # a copied cache is rebuilt in part, after which it asks for this
        first = run(sample(tmp_path / "unbroken"), home)
    assert first.status == 0, first.output
    expected = result(tmp_path / "unbroken")
    generator, kills = random.Random(18), 0
    with tqdm(total=KILLS, desc="compiling", unit="kill") as bar:
        while kills < KILLS:
            kernels = sorted(path for path in home.rglob("jit/*.so"))
            assert len(kernels) > 10
            for kernel in generator.sample(kernels, 6):
                for path in kernel.parent.glob(f"{kernel.stem}*"):
                    path.unlink()
            out = tmp_path / f"{kills}"
            moment = Moment(files=generator.randint(1, 12))
            assert run(sample(out), home, moment).status == -signal.SIGKILL
            last = run(sample(out), home)
            assert last.status == 0, last.output
            assert result(out) == expected
            kills += 1
            bar.update()
