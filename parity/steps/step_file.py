"""Training steps in a file: JSON that says what they are, and every tensor once."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from parity.base.numerics import Array
from parity.errors import CannotCompare
from parity.recording.files.tensor_archive import (
    ArchiveReader,
    ArchiveWriter,
    Source,
    writing,
)
from parity.steps.step_data import (
    BackwardPass,
    Call,
    Measure,
    OptimizerStep,
    TrainingStep,
)
from parity.trace.sites import TensorSite
from safe_files.reading import show

FORMAT, SCHEMA = "parity training steps", 1
_TENSOR, _DTYPE = "tensor", "dtype"
_MAKE_AGAIN = "make it again with parity record-steps"


class StepWriter:
    """Writes steps one after the other; a tensor that was written before is not written again."""

    def __init__(self, archive: ArchiveWriter) -> None:
        self._archive = archive
        self._members: dict[str, str] = {}
        self.numbers: list[int] = []

    def add(self, step: TrainingStep) -> None:
        """Write a step."""
        member = f"steps/{step.number}"
        new: dict[str, Source] = {}
        values = self._encoded(step, member, new)
        self._archive.add_tensors(f"{member}.safetensors", new)
        self._archive.add_json(f"{member}.json", values)
        self.numbers.append(step.number)

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write what is known of all steps."""
        facts = {"format": FORMAT, "schema": SCHEMA, "steps": self.numbers, **manifest}
        self._archive.add_json("manifest.json", facts)

    def _encoded(self, value: Any, member: str, new: dict[str, Source]) -> Any:
        if isinstance(value, (np.ndarray, np.generic)):
            return self._tensor(np.asarray(value), member, new)
        if isinstance(value, TensorSite):
            return list(value[:-1])
        if isinstance(value, Measure):
            return [self._encoded(item, member, new) for item in value]
        if dataclasses.is_dataclass(value):
            names = [field.name for field in dataclasses.fields(value)]
            return {n: self._encoded(getattr(value, n), member, new) for n in names}
        if isinstance(value, Mapping):
            return [
                [self._encoded(key, member, new), self._encoded(item, member, new)]
                for key, item in value.items()
            ]
        if isinstance(value, (list, tuple)):
            return [self._encoded(item, member, new) for item in value]
        return value

    def _tensor(self, array: Array, member: str, new: dict[str, Source]) -> dict[str, Any]:
        array = np.ascontiguousarray(array).reshape(array.shape)
        form = f"{array.dtype.name} {array.shape} ".encode()
        name = hashlib.blake2b(form + array.tobytes(), digest_size=16).hexdigest()
        if name not in self._members:
            self._members[name] = f"{member}.safetensors"
            new[name] = Source.of(array)
        return {_TENSOR: name, "in": self._members[name], _DTYPE: array.dtype.name}


@contextmanager
def step_writer(path: Path) -> Iterator[StepWriter]:
    """Yield a writer of a file that appears at `path` when the block succeeds.

    Raises:
        CannotWrite: the path cannot be written.
    """
    with writing(path) as archive:
        yield StepWriter(archive)


class StepFile:
    """Recorded steps, each read when it is asked for.

    Args:
        path: of the file.

    Raises:
        CannotCompare: it is no such file, one of another version, or damaged.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        try:
            self._archive = ArchiveReader(self.path)
        except CannotCompare as error:
            text = str(error).replace("parity record", "parity record-steps")
            raise CannotCompare(text) from None
        self.manifest: Mapping[str, Any] = self._archive.json("manifest.json")
        form = self.manifest.get("format"), self.manifest.get("schema")
        if form != (FORMAT, SCHEMA):
            raise CannotCompare(
                f"{show(self.path)} holds no training steps of this version (format "
                f"{form[0]!r:.40}, schema {form[1]!r:.20}): {_MAKE_AGAIN}"
            )
        self.numbers: list[int] = list(self.manifest["steps"])

    def step(self, number: int) -> TrainingStep:
        """Return a step.

        Raises:
            CannotCompare: it was not recorded, or the file is damaged.
        """
        values = self._archive.json(f"steps/{number}.json")
        try:
            return self._step(values)
        except (KeyError, TypeError, ValueError) as error:
            raise CannotCompare(
                f"{show(self.path)}: step {number} is damaged ({error}): {_MAKE_AGAIN}"
            ) from error

    def _step(self, values: dict[str, Any]) -> TrainingStep:
        plain = {name: self._plain(value) for name, value in values.items()}
        return TrainingStep(
            number=plain["number"],
            batches=[dict(batch) for batch in plain["batches"]],
            draws=[(family, array) for family, array in plain["draws"]],
            calls=[_call(call) for call in plain["calls"]],
            passes=[_pass(backward) for backward in plain["passes"]],
            optimizer_steps=[_optimizer_step(step) for step in plain["optimizer_steps"]],
            weights={name: [dict(w) for w in versions] for name, versions in plain["weights"]},
            weights_end=_nested(plain["weights_end"]),
            buffers_after=_nested(plain["buffers_after"]),
            averages_before=_nested(plain["averages_before"]),
            averages_after=_nested(plain["averages_after"]),
            rates_after=_nested(plain["rates_after"]),
            not_run_again=plain["not_run_again"],
            measures={TensorSite(*site): Measure(*m) for site, m in plain["measures"]},
        )

    def _plain(self, value: Any) -> Any:
        """Return values with their tensors read."""
        if isinstance(value, dict):
            if _TENSOR in value:
                return self._archive.tensor(value["in"], value[_TENSOR], value[_DTYPE])
            return {name: self._plain(item) for name, item in value.items()}
        return [self._plain(item) for item in value] if isinstance(value, list) else value


def _nested(items: list[Any]) -> dict[str, Any]:
    return {name: dict(inside) for name, inside in items}


def _call(values: dict[str, Any]) -> Call:
    arrays = {
        name: dict(values[name]) for name in ("arrived", "inputs", "outputs", "arrived_weights")
    }
    gradients = {
        name: {number: dict(inside) for number, inside in values[name]}
        for name in ("cotangents", "passed_on")
    }
    return Call(**{**values, **arrays, **gradients})


def _pass(values: dict[str, Any]) -> BackwardPass:
    spread = values["spread"]
    return BackwardPass(
        values["loss"], None if spread is None else {tuple(key): size for key, size in spread}
    )


def _optimizer_step(values: dict[str, Any]) -> OptimizerStep:
    flat = ("gradients", "given", "used", "rates", "weights_before", "weights_after")
    return OptimizerStep(
        **{
            **values,
            **{name: dict(values[name]) for name in flat},
            **{name: _nested(values[name]) for name in ("settings", "before", "after")},
        }
    )
