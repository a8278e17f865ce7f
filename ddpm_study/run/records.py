"""The files of a run: one manifest, and one record for each stage that is done.

The report page is made from these files and from the arrays beside them, and from nothing else.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.config import RunConfig
from ddpm.errors import InputError
from ddpm_study.run.record_fields import WrongField, check_manifest, check_record
from safe_files import CannotWrite, make_folder, sweep, write_text
from safe_files.reading import CannotRead, read_json, require_file, show

SCHEMA = "ddpm-run/3"


@dataclass(frozen=True)
class RunManifest:
    """The identity of a run: its data, its options and its stages.

    Attributes:
        preset: name of the preset.
        dataset: name of the image set.
        images: digest of the set's pixels.
        config: every option that decides the run's numbers.
        scale: sizes of the run, the fields of `ddpm_study.run.sizes.Sizes`.
        stages: names of all stages, in order.
        skipped: names of the stages that were left out on purpose.
    """

    preset: str
    dataset: str
    images: str
    config: dict[str, Any]
    scale: dict[str, Any]
    stages: list[str]
    skipped: list[str] = field(default_factory=list)

    @property
    def run_config(self) -> RunConfig:
        """The configuration as an object."""
        return RunConfig.from_dict(self.config)


@dataclass(frozen=True)
class Record:
    """The record of a stage that is done.

    Attributes:
        stage: its name.
        finished: when, ISO 8601 with the time zone.
        seconds: wall time, counted from the last time that the stage was started.
        environment: versions, threads and processor at that time.
        result: the stage's result, plain JSON values.
    """

    stage: str
    finished: str
    seconds: float
    environment: dict[str, str]
    result: dict[str, Any]


class RunFolder:
    """A folder that holds one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process out of the folder, and remove temporary files of killed ones.

        Raises:
            InputError: another run is active in the folder.
            CannotWrite: the folder cannot be written.
        """
        make_folder(self.path)
        path = self.path / "run.lock"
        try:
            file = path.open("w")
        except OSError as error:
            raise CannotWrite.because(path, error) from error
        with file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(
                    f"another ddpm reproduce is at work in {self.path}; wait until it ends, or"
                    " choose another --out"
                ) from None
            except OSError as error:
                raise CannotWrite.because(path, error) from error
            sweep(self.path)
            yield

    def manifest(self) -> RunManifest | None:
        """Return the run's manifest, or None where there is no run.

        Raises:
            InputError: the file is damaged, or of another schema.
        """
        path = self.path / "run.json"
        values = _read(path)
        if values is None:
            return None
        manifest: RunManifest = _build(RunManifest, values, path, check_manifest)
        try:
            _ = manifest.run_config
        except InputError as error:
            raise InputError(f"{show(path)}: {error}; run ddpm reproduce anew") from None
        return manifest

    def write_manifest(self, manifest: RunManifest) -> None:
        """Write the run's manifest.

        Raises:
            CannotWrite: it cannot be written.
        """
        _write(self.path / "run.json", asdict(manifest))

    def record(self, stage: str) -> Record | None:
        """Return a stage's record, or None where the stage is not done.

        Raises:
            InputError: the file is damaged, or of another schema.
        """
        path = self._record(stage)
        values = _read(path)
        if values is None:
            return None
        record: Record = _build(Record, values, path, partial(check_record, stage=stage))
        return record

    def write_record(self, record: Record) -> None:
        """Write a stage's record, which marks the stage as done.

        Raises:
            CannotWrite: it cannot be written.
        """
        _write(self._record(record.stage), asdict(record))

    def remove_record(self, stage: str) -> None:
        """Remove a stage's record, so that the stage is not done any more."""
        self._record(stage).unlink(missing_ok=True)

    def result(self, stage: str) -> dict[str, Any]:
        """Return a stage's result.

        Raises:
            InputError: the stage is not done.
        """
        record = self.record(stage)
        if record is None:
            raise InputError(
                f"{self.path} has no record of the stage {stage!r}; run ddpm reproduce --out"
                f" {self.path} --only {stage}"
            )
        return record.result

    def file(self, stage: str, name: str) -> Path:
        """Return the path of a file that a stage's record names.

        Raises:
            InputError: it is not there, no regular file, or outside of the run's folder, be it by
                its name or by a link.
        """
        path = self.path / name
        try:
            require_file(path)
            inside = path.resolve().is_relative_to(self.path.resolve())
        except CannotRead as error:
            raise InputError(
                f"{show(self._record(stage))} names a file that cannot be used: {error}; run the"
                f" stage again: ddpm reproduce --out {show(self.path)} --only {stage} --overwrite"
            ) from None
        if not inside:
            raise InputError(
                f"{show(self._record(stage))} names {show(name)}, which is outside of"
                f" {show(self.path)} and is not read; copy the file into that folder"
            )
        return path

    def _record(self, stage: str) -> Path:
        return self.path / "records" / f"{stage}.json"


def _write(path: Path, values: dict[str, Any]) -> None:
    text = json.dumps({"schema": SCHEMA, **_plain(values)}, indent=1, allow_nan=False)
    write_text(path, text + "\n")


def _plain(value: Any) -> Any:
    """Return JSON values: NumPy's numbers become Python's, NaN and infinity become null."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


class _Values(dict[str, Any]):
    """An object of a record; a missing key raises an error that names the record."""

    path: Path

    def __missing__(self, name: str) -> Any:
        raise InputError(
            f"{self.path} lacks {name!r}, so it was written by another version; run the stage again"
        )


def _read(path: Path) -> dict[str, Any] | None:
    def with_path(values: dict[str, Any]) -> _Values:
        checked = _Values(values)
        checked.path = path
        return checked

    try:
        if not os.path.lexists(path):
            return None
        values = read_json(path, object_hook=with_path)
    except CannotRead as error:
        raise InputError(f"{error}; run the stage again") from None
    schema = values.pop("schema", None) if isinstance(values, dict) else None
    if schema != SCHEMA:
        named = repr(schema if schema is None else str(schema)[:40])
        raise InputError(
            f"{show(path)} is of schema {named}, and this version reads {SCHEMA!r}; run ddpm"
            " reproduce anew into another folder"
        )
    return dict(values)


def _build(kind: Any, values: dict[str, Any], path: Path, check: Callable[[Any], None]) -> Any:
    try:
        check(values)
        return kind(**values)
    except (TypeError, WrongField) as error:
        raise InputError(f"{show(path)} cannot be used: {error}; run the stage again") from None
