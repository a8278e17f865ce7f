"""Whatever changes arithmetic is said before a verdict, once for each setting that is turned."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
import torch

from parity import check
from parity.adapters.protocol import adapt
from parity.compare.environment import environment, process_settings


class Adapter:
    """An adapter of which only the settings are asked."""

    def __init__(self, framework: str, **settings: str) -> None:
        self.framework, self.settings = framework, settings

    def manifest(self) -> dict[str, str]:
        return self.settings


def notes(reference: Adapter, candidate: Any) -> tuple[str, ...]:
    return environment(reference, candidate).notes  # type: ignore[arg-type]


def test_settings_that_differ_are_noted_and_equal_ones_are_not() -> None:
    reference, candidate = (
        Adapter("a", threads="2", tf32="on"),
        Adapter("b", threads="2", tf32="off"),
    )
    assert notes(reference, candidate) == (
        "tf32 differs: on in the reference, off in the candidate",
    )
    assert notes(reference, reference) == ()


def test_versions_differ_by_nature_between_frameworks_and_not_within_one() -> None:
    old, new = Adapter("a", version="1"), Adapter("a", version="2")
    assert notes(old, new) == ("version differs: 1 in the reference, 2 in the candidate",)
    assert notes(old, Adapter("b", version="2")) == ()


def test_the_manifest_of_both_sides_and_of_the_process_is_in_the_report(
    models: ModuleType,
) -> None:
    around = check(models.block_pair()).environment
    assert set(around) == {"process", "reference", "candidate"}
    assert around["reference"]["version"] == torch.__version__
    assert around["process"]["python"].startswith("3.")


@contextmanager
def turned(read: Callable[[], Any], write: Callable[[Any], Any], value: Any) -> Iterator[None]:
    before = read()
    write(value)
    try:
        yield
    finally:
        write(before)


FLAGS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any], Any]] = {
    "matmul precision": (
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
        "medium",
    ),
    "threads": (torch.get_num_threads, torch.set_num_threads, 3),
    "deterministic algorithms": (
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
        True,
    ),
    "TF32 in cuDNN": (
        lambda: torch.backends.cudnn.allow_tf32,
        lambda on: setattr(torch.backends.cudnn, "allow_tf32", on),
        False,
    ),
}


@pytest.mark.parametrize("name", FLAGS)
def test_turning_a_flag_of_torch_changes_its_manifest(name: str) -> None:
    adapter = adapt(torch.nn.Linear(1, 1))
    before = adapter.manifest()
    with turned(*FLAGS[name]):
        after = adapter.manifest()
    assert {key for key in before if before[key] != after[key]} == {name}


def test_flushed_denormals_are_said_first() -> None:
    assert process_settings()["denormals"] == "kept"
    code = (
        "import torch; torch.set_flush_denormal(True)\n"
        "from parity.adapters.protocol import adapt\n"
        "from parity.compare.environment import environment\n"
        "a = adapt(torch.nn.Linear(1, 1)); print(environment(a, a).notes[0])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "denormals are flushed to zero in this process" in shown.stdout


def test_a_compiled_side_is_named() -> None:
    compiled = Adapter("a", compiled="True")
    ending = "is compiled: its casts do not follow a float64 run, nor are its draws shared"
    assert notes(compiled, compiled) == (f"the reference {ending}", f"the candidate {ending}")
