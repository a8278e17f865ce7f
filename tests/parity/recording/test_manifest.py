"""The manifest: complete for a model, and refused where an entry is not what it should be."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest

from parity import CannotCompare, record
from parity.prepare import prepare
from parity.recording.files.tensor_archive import ArchiveReader
from parity.recording.manifest import facts_of_pair, facts_of_side, required


@pytest.fixture(scope="module")
def manifest(models: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("records") / "x"
    record(models.block_pair(), path)
    found: dict[str, Any] = ArchiveReader(path).json("manifest.json")
    return found


def test_a_record_has_all_of_it(manifest: dict[str, Any], models: ModuleType) -> None:
    assert required(manifest, "x") is manifest
    runner = prepare(models.block_pair()).runner
    facts = {**facts_of_pair(runner.pair), **facts_of_side(runner.reference)}
    own = json.loads(json.dumps(facts))
    assert {name: manifest[name] for name in own} == own
    assert manifest["shapes"]["conv.weight"] == [8, 4, 3, 3]
    assert {path: kind for path, kind, *_ in manifest["modules"]}["norm"] == "GroupNorm"


@pytest.mark.parametrize("name", ["modules", "runs", "seed", "like", "taps"])
def test_each_entry_is_needed(name: str, manifest: dict[str, Any]) -> None:
    for wrong in ({}, {name: 1.5}):
        others = {key: value for key, value in manifest.items() if key != name}
        with pytest.raises(TypeError, match=f"its {name} is missing or of another type"):
            required({**others, **wrong}, "x")


def test_another_version_is_refused(manifest: dict[str, Any]) -> None:
    with pytest.raises(CannotCompare, match=r"x is no record of this version .* schema 99"):
        required({**manifest, "schema": 99}, "x")
    with pytest.raises(TypeError, match="no object"):
        required([], "x")
