"""Records that fit a pair, and those that are refused."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from parity import CannotCompare, Pair, Record, check, record
from parity.pair import RECORDED_INPUTS
from parity.recording.record import file_name, flipped


@pytest.fixture(scope="module")
def path(models: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("records") / file_name("a block")
    record(models.block_pair(), made)
    return made


def edited(path: Path, out: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Write the record with another manifest and the digest that belongs to it."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            if info.filename == "manifest.json":
                manifest = json.loads(content)
                change(manifest)
                content = json.dumps(manifest).encode()
            new.writestr(info.filename, content)
        new.comment = bytes(64)
    content = out.read_bytes()[:-64]
    out.write_bytes(content + hashlib.sha256(content).hexdigest().encode())
    return out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.update(schema=99), "schema 99"),
        (lambda m: m.update(format="other"), "format 'other'"),
        (lambda m: m.pop("modules"), "no complete record"),
        (lambda m: m.update(modules=3), "no complete record"),
        (lambda m: m.update(framework=None, modules=[]), "no complete record"),
        (lambda m: m.pop("runs"), "no complete record"),
    ],
)
def test_an_edited_manifest_is_refused(
    change: Callable[[dict[str, Any]], None], words: str, path: Path, tmp_path: Path
) -> None:
    with pytest.raises(CannotCompare, match=words):
        Record.open(edited(path, tmp_path / "edited", change))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"training": True}, "training is False, and here True"),
        ({"random": "shared"}, "random is None, and here 'shared'"),
        ({"loss": lambda y: y[0].sum()}, "it has no loss, and the pair a loss"),
        ({"optimizer": {}}, "it has no optimizer, and the pair an optimizer"),
    ],
)
def test_the_record_of_another_pair_is_refused(
    options: dict[str, Any], words: str, path: Path, models: ModuleType
) -> None:
    with pytest.raises(CannotCompare, match=words):
        check(models.block_pair(**options), reference=Record.open(path))


def test_the_record_of_another_model_is_refused(path: Path) -> None:
    from torch import nn

    pair = Pair(
        name="linear", reference=lambda: nn.Linear(2, 2), candidate=lambda: nn.Linear(2, 2),
        inputs=RECORDED_INPUTS,
    )  # fmt: skip
    with pytest.raises(CannotCompare, match="no partner"):
        check(pair, reference=Record.open(path))


def test_other_inputs_are_refused(path: Path, models: ModuleType) -> None:
    def inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {**models.block_inputs(rng), "t": np.array([1, 2])}

    pair = dataclasses.replace(models.block_pair(), inputs=inputs)
    with pytest.raises(CannotCompare, match=r"its inputs are .* and the pair draws"):
        check(pair, reference=Record.open(path))


def test_the_recorded_numbers_are_used_whatever_the_pair_draws(
    path: Path, models: ModuleType
) -> None:
    def inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {name: array + 1 for name, array in models.block_inputs(rng).items()}

    pair = dataclasses.replace(models.block_pair(), inputs=inputs)
    assert check(pair, reference=Record.open(path)).passed
    alone = dataclasses.replace(models.block_pair(), inputs=RECORDED_INPUTS)
    assert check(alone, reference=Record.open(path)).passed


def test_what_was_not_recorded_is_said(path: Path, models: ModuleType) -> None:
    pair = models.block_pair(stress_inputs=("plain", "zeros"))
    report = check(pair, reference=Record.open(path))
    assert "stress inputs not recorded, so not judged: zeros" in report.notes
    assert report.notes[0].startswith("the reference was recorded in a_block.parity (Python ")


def test_a_folder_has_a_record_for_each_pair(path: Path) -> None:
    assert Record.of(path.parent, "a block").path == path
    assert Record.of(path, "any other").path == path
    with pytest.raises(CannotCompare, match=r"no record of 'other', other\.parity: make it with"):
        Record.of(path.parent, "other")


def test_a_pair_turned_round_names_what_is_now_the_reference(models: ModuleType) -> None:
    pair = models.block_pair(
        rename={"conv": "first"}, argument_names={"x": "input"}, allow={"conv.x": "a", "head": "b"}
    )
    once = flipped(pair)
    assert (once.reference, once.candidate) == (pair.candidate, pair.reference)
    assert once.rename == {"first": "conv"}
    assert once.allow == {"first.x": "a", "head": "b"}
    # Inputs keep the names that they have in the pair's reference.
    assert once.argument_names == {}
    assert flipped(once).allow == pair.allow


def test_another_seed_is_refused(path: Path, models: ModuleType) -> None:
    with pytest.raises(CannotCompare, match="recorded with seed 0, not 5: leave the seed out"):
        check(models.block_pair(), seed=5, reference=Record.open(path))


def test_the_record_of_another_pair_says_whose_it_is(path: Path) -> None:
    from torch import nn

    pair = Pair(
        name="linear", reference=nn.Identity, candidate=lambda: nn.Linear(2, 2),
        inputs=RECORDED_INPUTS,
    )  # fmt: skip
    with pytest.raises(CannotCompare, match=r"a_block\.parity is the record of 'block'"):
        check(pair, reference=Record.open(path))


def test_names_of_files_are_short_and_differ() -> None:
    names = {file_name("n" * 300 + end) for end in "ab"}
    assert len(names) == 2
    assert max(map(len, names)) < 130
