"""The inputs of the commands that are killed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.reliability.killed_commands import cases, make_inputs
from tests.reliability.killing import run


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a set, its pictures, old samples and a trained model."""
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    train = cases(folder)[0]
    ending = run(train.command(folder / "trained"), folder / "trained")
    assert ending.status == 0, ending.output
    (last,) = (folder / "trained" / "checkpoints").glob("*epoch3.safetensors")
    shutil.copy(last, folder / "model.safetensors")
    return folder
