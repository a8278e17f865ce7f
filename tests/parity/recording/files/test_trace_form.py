"""Traces in a file: every bit comes back, and what follows from other entries takes no space."""

from __future__ import annotations

import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from parity.noise.rough_difference import rescaled
from parity.prepare import prepare
from parity.recording.files.tensor_archive import ArchiveReader, writing
from parity.recording.files.trace_form import (
    TensorList,
    TensorLookup,
    read_trace,
    read_values,
    write_trace,
    write_values,
)
from parity.trace.end_to_end import run_end_to_end
from parity.trace.recorder import run_isolated
from parity.trace.sites import Tap, TensorSite
from parity.trace.trace import Trace

FIELDS = ("callers", "before", "shapes", "structure", "outputs", "draws", "taps_before_draws")
STORES = ("recorded", "forced", "gradients", "parameter_gradients", "buffers")


def round_trip(trace: Trace, folder: Path, base: Trace | None = None) -> tuple[Trace, Path]:
    path = folder / "trace"
    with writing(path) as archive:
        write_trace(archive, "x", trace, base)
    return read_trace(ArchiveReader(path), "x", base), path


def size_of_tensors(path: Path) -> int:
    """Return the bytes of the tensors, without the header."""
    with zipfile.ZipFile(path) as file:
        content = file.read("x.safetensors")
    return len(content) - 8 - int.from_bytes(content[:8], "little")


def assert_equal(one: Trace, other: Trace) -> None:
    for name in FIELDS:
        assert getattr(one, name) == getattr(other, name)
    for name in STORES:
        first, second = getattr(one, name), getattr(other, name)
        assert list(first) == list(second)
        for key in first:
            np.testing.assert_array_equal(first[key], second[key])
            if isinstance(first[key], np.ndarray):
                assert first[key].dtype == second[key].dtype


@pytest.mark.parametrize("stress_input", ["plain", "low variance"])
def test_a_trace_comes_back(stress_input: str, models: ModuleType, tmp_path: Path) -> None:
    runner = prepare(models.block_pair()).runner
    spec = runner.run_spec(runner.reference, "float64", stress_input=stress_input)
    trace = run_isolated(runner.reference, spec)
    assert_equal(trace, round_trip(trace, tmp_path)[0])
    bare = run_end_to_end(runner.reference, runner.run_spec(runner.reference, "float32"))
    assert_equal(bare, round_trip(bare, tmp_path)[0])


def test_distances_come_back_also_where_they_are_not_finite(tmp_path: Path) -> None:
    tap = Tap("a", 0, "output", "")
    trace = Trace(callers={tap: ""})
    trace.recorded[tap] = np.array([1.0, np.inf])
    distances = trace.distance_trace()
    distances.recorded[tap] = np.array([1.0, np.nan])
    assert np.isnan(round_trip(distances, tmp_path)[0].recorded[tap])


def test_a_run_on_changed_inputs_takes_less_space_and_loses_no_bit(
    models: ModuleType, tmp_path: Path
) -> None:
    runner = prepare(models.block_pair()).runner
    model = runner.reference
    base = run_end_to_end(model, runner.run_spec(model, "float64"))
    shift = rescaled(0, 0)
    changed = run_end_to_end(model, runner.run_spec(model, "float64", shift=shift))
    alone, path = round_trip(changed, tmp_path)
    size = size_of_tensors(path)
    back, path = round_trip(changed, tmp_path, base)
    assert_equal(back, changed)
    assert_equal(alone, changed)
    assert size_of_tensors(path) < 0.8 * size


@given(
    st.tuples(*[arrays(np.float64, 6, elements=st.floats(width=64)) for _ in range(2)]),
)
def test_any_two_arrays_may_be_base_and_change(tmp_path_factory: Any, two: Any) -> None:
    value, base = two
    path = tmp_path_factory.mktemp("x") / "x"
    tensors = TensorList()
    entry = tensors.mention(lambda: value, lambda: base)
    with writing(path) as archive:
        archive.add_tensors("x", tensors.sources)
    read = TensorLookup(ArchiveReader(path), "x").value(entry, lambda: base)
    assert read.tobytes() == value.tobytes()


@pytest.mark.parametrize(("large", "is_smaller"), [(0, True), (3, True), (40, False)])
def test_some_numbers_may_change_by_more(large: int, is_smaller: bool, tmp_path: Path) -> None:
    """Gradients that almost cancel do, a few in a tensor of many."""
    generator = np.random.default_rng(0)
    base = generator.standard_normal(100)
    value = base * (1 + 2.0**-30)
    value[:large] = generator.standard_normal(large)
    tensors = TensorList()
    entry = tensors.mention(lambda: value, lambda: base)
    with writing(tmp_path / "x") as archive:
        archive.add_tensors("x", tensors.sources)
    read = TensorLookup(ArchiveReader(tmp_path / "x"), "x").value(entry, lambda: base)
    assert read.tobytes() == value.tobytes()
    assert bool(entry.get("changed")) == is_smaller


def test_values_by_site_come_back(tmp_path: Path) -> None:
    sites = [
        TensorSite("optimizer", "a", "state", "weight", "a", group="weights", scope="step"),
        TensorSite("loss", "", "loss", tap=Tap("", 0, "loss", "")),
    ]
    values = {sites[0]: np.arange(3.0), sites[1]: np.array("text")}
    with writing(tmp_path / "x") as archive:
        write_values(archive, "v", values, None)
    back = read_values(ArchiveReader(tmp_path / "x"), "v", None)
    assert list(back) == sites
    np.testing.assert_array_equal(back[sites[0]], np.arange(3.0))
    assert str(back[sites[1]]) == "text"
