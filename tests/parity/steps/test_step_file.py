"""The file of recorded steps: everything comes back, and what is no such file is refused."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from parity import record
from parity.errors import CannotCompare
from parity.recording.files.tensor_archive import writing
from parity.steps import sites
from parity.steps.step_data import BackwardPass, Call, Measure, OptimizerStep, TrainingStep
from parity.steps.step_file import FORMAT, SCHEMA, StepFile, step_writer

AGAIN = "parity record-steps"


def every_array() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    dtypes = ("float64", "float32", "float16", "int64", "int32", "uint8", "bool", "complex64")
    return {
        **{d: (generator.standard_normal((2, 3)) * 9).astype(d) for d in dtypes},
        "number": np.array(-0.0, np.float32),
        "empty": np.empty((0, 4), np.float32),
        "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "channels last": np.moveaxis(np.arange(24.0).reshape(2, 3, 4), 0, 2),
        "not finite": np.array([np.nan, np.inf, -np.inf], np.float32),
        "complex128": np.array([1 + 2j, 3 - 4j]),
    }


def full_step(number: int = 4) -> TrainingStep:
    """Return a step in which no field is empty."""
    arrays = every_array()
    one, two = {"a.weight": np.ones((2, 1))}, {"a.weight": np.full((2, 1), 2, np.float32)}
    call = Call(
        "net", 1, True, arrived={"x": np.ones(2)}, inputs={"x": np.zeros(2)}, outputs=arrays,
        cotangents={0: {"y": np.ones(1)}, 3: {"y": np.zeros(1), "z": np.ones(2)}},
        passed_on={3: {"y": np.full(1, 5.0)}}, epsilon=2.0**-7,
    )  # fmt: skip
    taken = OptimizerStep(
        optimizer="adam", passes=[0, 3], gradients=one, given=two, used=one,
        settings={"a.weight": {"lr": 0.1, "eps": 1e-8}}, rates={"a.weight": 0.1}, count=7,
        counted=1, before={"exp_avg": one}, after={"exp_avg": two},
        weights_before=two, weights_after=one,
    )  # fmt: skip
    return TrainingStep(
        number,
        batches=[{"0": np.ones(3), "1.label": np.arange(3)}, {}],
        draws=[("normal", np.ones(2)), ("dropout", np.zeros(1, np.float32))],
        calls=[call, Call("", 0, None)],
        passes=[
            BackwardPass(np.array(1.5), {(0, "y"): 0.25, (1, ""): 0.1}),
            BackwardPass(np.array(2.5, np.float32), None),
        ],
        optimizer_steps=[taken, dataclasses.replace(taken, count=None)],
        weights={"net": [one, two], "": []},
        buffers_after={"net": {"norm.running_var": np.ones(2)}},
        averages_before={"ema": one},
        averages_after={"ema": two},
        weights_end={"net": {"a.weight": np.ones(2, np.float32)}},
        not_run_again=["the model: ValueError: no"],
        rates_after={"adam": {"a.weight": 0.05}},
        measures={
            sites.loss("adam", 0): Measure(np.array(1.5, np.float32), None, 0.1, 0.0, 2.0**-7, 8.0),
            sites.weight("a.weight", 1): Measure(one["a.weight"], two["a.weight"], 0.1, 1e-12),
            sites.average("ema", "a.weight"): Measure(np.ones(1), spread32=-1.0),
        },
    )


def assert_same(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tobytes() == other.tobytes()
    elif dataclasses.is_dataclass(one):
        for field in dataclasses.fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for own, its in zip(one, other, strict=True):
            assert_same(own, its)
    else:
        assert one == other


def written(path: Path, *steps: TrainingStep) -> Path:
    with step_writer(path) as writer:
        for step in steps:
            writer.add(step)
        writer.finish({"framework": "torch", "momentum": {"norm": 0.1}})
    return path


def test_every_field_comes_back(tmp_path: Path) -> None:
    step = full_step()
    for field in dataclasses.fields(step):
        assert getattr(step, field.name), f"{field.name} is empty"
    file = StepFile(written(tmp_path / "x", step))
    assert_same(file.step(4), step)


def test_steps_are_read_in_any_order_with_what_is_known_of_all(tmp_path: Path) -> None:
    steps = [full_step(2), TrainingStep(5), full_step(9)]
    steps[2].batches = [{"0": np.full(3, 9.0)}]
    file = StepFile(str(written(tmp_path / "x", *steps)))
    assert file.numbers == [2, 5, 9]
    assert file.manifest["framework"] == "torch"
    assert file.manifest["momentum"] == {"norm": 0.1}
    for number in (1, 2, 0):
        assert_same(file.step(steps[number].number), steps[number])


def tensors_in(path: Path) -> dict[str, list[str]]:
    """Return the names of the tensors of each member, from the headers of the format."""
    found = {}
    with zipfile.ZipFile(path) as file:
        for name in file.namelist():
            if name.endswith(".safetensors"):
                content = file.read(name)
                size = int.from_bytes(content[:8], "little")
                found[name] = list(json.loads(content[8 : 8 + size]))
    return found


def test_a_tensor_that_is_used_twice_is_stored_once(tmp_path: Path) -> None:
    big = np.random.default_rng(0).standard_normal(5000)
    first, second = TrainingStep(0), TrainingStep(1)
    first.batches = [{"0": big, "1": big.copy()}]
    first.draws = [("normal", big)]
    second.batches = [{"0": big, "1": big + 1}]
    path = written(tmp_path / "x", first, second)
    assert [len(names) for names in tensors_in(path).values()] == [1, 1]
    assert path.stat().st_size < 2.2 * big.nbytes
    file = StepFile(path)
    assert_same(file.step(1), second)
    assert_same(file.step(0), first)


def test_equal_bytes_of_another_form_are_other_tensors(tmp_path: Path) -> None:
    step = TrainingStep(0)
    forms = [np.zeros(4, np.float32), np.zeros(4, np.int32), np.zeros((2, 2), np.float32)]
    zeros = [np.array([0.0]), np.array([-0.0])]
    step.batches = [{str(n): a for n, a in enumerate([*forms, *zeros])}]
    path = written(tmp_path / "x", step)
    assert [len(names) for names in tensors_in(path).values()] == [5]
    assert_same(StepFile(path).step(0), step)


def test_equal_steps_are_equal_files(tmp_path: Path) -> None:
    one, other = (written(tmp_path / name, full_step()) for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()


def test_no_file_appears_where_the_block_fails(tmp_path: Path) -> None:
    def fail() -> None:
        with step_writer(tmp_path / "x") as writer:
            writer.add(full_step())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []


def refusal(path: Path) -> str:
    with pytest.raises(CannotCompare) as caught:
        StepFile(path)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("kept", [0, 1, 64, 0.5, -1])
def test_a_truncated_file_is_refused(kept: float, tmp_path: Path) -> None:
    content = written(tmp_path / "x", full_step()).read_bytes()
    size = int(len(content) * kept) if isinstance(kept, float) else kept
    (tmp_path / "cut").write_bytes(content[:size])
    assert "cut is no complete record" in refusal(tmp_path / "cut")
    assert AGAIN in refusal(tmp_path / "cut")


def test_a_changed_byte_is_refused(tmp_path: Path) -> None:
    content = written(tmp_path / "x", full_step()).read_bytes()
    for offset in range(0, len(content), len(content) // 50):
        changed = bytearray(content)
        changed[offset] ^= 1
        (tmp_path / "changed").write_bytes(changed)
        assert AGAIN in refusal(tmp_path / "changed")


@pytest.mark.parametrize("content", [b"{}", b"PK", b"\x80\x04.", b"\n" * 100_000])
def test_a_foreign_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    assert AGAIN in refusal(tmp_path / "x")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        assert path.name in refusal(path)


def test_a_file_of_parity_record_is_refused(models: ModuleType, tmp_path: Path) -> None:
    record(models.block_pair(), tmp_path / "x")
    text = refusal(tmp_path / "x")
    assert "x holds no training steps of this version" in text
    assert text.endswith(AGAIN)


@pytest.mark.parametrize(
    "facts",
    [
        {"format": "parity record", "schema": SCHEMA},
        {"format": FORMAT, "schema": SCHEMA + 1},
        {"format": FORMAT},
        {},
    ],
)
def test_an_archive_of_something_else_is_refused(facts: dict[str, Any], tmp_path: Path) -> None:
    with writing(tmp_path / "x") as archive:
        archive.add_json("manifest.json", {"steps": [], **facts})
    text = refusal(tmp_path / "x")
    assert "holds no training steps of this version" in text
    assert text.endswith(AGAIN)


def test_a_step_that_was_not_recorded_is_refused(tmp_path: Path) -> None:
    file = StepFile(written(tmp_path / "x", full_step(4)))
    with pytest.raises(CannotCompare, match=r"it has no steps/5\.json"):
        file.step(5)


def test_a_step_that_says_something_else_is_refused(tmp_path: Path) -> None:
    with writing(tmp_path / "x") as archive:
        archive.add_json("manifest.json", {"format": FORMAT, "schema": SCHEMA, "steps": [0, 1]})
        archive.add_json("steps/0.json", {"number": 0})
        archive.add_json("steps/1.json", {"batches": [[["0", {"tensor": "a", "in": "b"}]]]})
    file = StepFile(tmp_path / "x")
    for number in (0, 1):
        with pytest.raises(CannotCompare, match=f"step {number} is damaged") as caught:
            file.step(number)
        assert "\n" not in str(caught.value)
