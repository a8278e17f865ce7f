"""What a run leaves behind: one head, and one record for each stage that is done.

Everything that people are shown later comes from these files and from the arrays beside them.
"""

from __future__ import annotations

import fcntl
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.config import RunConfig
from ddpm.errors import InputError
from safe_files import CannotWrite, make_folder, sweep, write_text

SCHEMA = "ddpm-run/2"


@dataclass(frozen=True)
class RunManifest:
    """What a run is about.

    Attributes:
        preset: the name that it was started by.
        dataset: the name of the set.
        images: digest of the set's pixels.
        config: every option that decides its numbers.
        scale: how much of everything, as `ddpm_study.sizes.Sizes` says.
        skipped: names of stages that were left out on purpose.
    """

    preset: str
    dataset: str
    images: str
    config: dict[str, Any]
    scale: dict[str, Any]
    skipped: list[str] = field(default_factory=list)

    @property
    def run_config(self) -> RunConfig:
        """The configuration as an object."""
        return RunConfig.from_dict(self.config)


@dataclass(frozen=True)
class Record:
    """One stage that is done.

    Attributes:
        stage: its name.
        finished: when, ISO 8601 with the zone.
        seconds: wall time that it took, the last time that it was begun.
        environment: versions, threads and processor, as they were then.
        result: what it found, plain JSON values.
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
    def alone(self) -> Iterator[None]:
        """Keep every other process out of the folder, and clear away what killed ones left.

        The system lets go when this process dies.

        Raises:
            InputError: another one is at work there.
            CannotWrite: the folder cannot be written.
        """
        make_folder(self.path)
        path = self.path / "run.lock"
        try:
            file = path.open("a")
        except OSError as error:
            raise CannotWrite.because(path, error) from error
        with file:
            try:  # a POSIX lock: forks do not inherit it, and cannot keep it after their parent
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

    def head(self) -> RunManifest | None:
        """Return what the run is about, or None where there is no run.

        Raises:
            InputError: the file is damaged, or of another schema.
        """
        values = _read(self.path / "run.json")
        return None if values is None else _build(RunManifest, values, self.path / "run.json")

    def write_head(self, head: RunManifest) -> None:
        """Write what the run is about.

        Raises:
            CannotWrite: it cannot be written.
        """
        _write(self.path / "run.json", asdict(head))

    def record(self, stage: str) -> Record | None:
        """Return a stage's record, or None where it is not done.

        Raises:
            InputError: the file is damaged, or of another schema.
        """
        values = _read(self._record(stage))
        return None if values is None else _build(Record, values, self._record(stage))

    def write_record(self, record: Record) -> None:
        """Write a stage's record: from then on it is done.

        Raises:
            CannotWrite: it cannot be written.
        """
        _write(self._record(record.stage), asdict(record))

    def forget(self, stage: str) -> None:
        """Remove a stage's record: it is not done any more."""
        self._record(stage).unlink(missing_ok=True)

    def result(self, stage: str) -> dict[str, Any]:
        """Return what a stage found.

        Raises:
            InputError: it is not done.
        """
        record = self.record(stage)
        if record is None:
            raise InputError(
                f"{self.path} has no record of the stage {stage!r}; run ddpm reproduce --out"
                f" {self.path} --only {stage}"
            )
        return record.result

    def _record(self, stage: str) -> Path:
        return self.path / "records" / f"{stage}.json"


def _write(path: Path, values: dict[str, Any]) -> None:
    text = json.dumps({"schema": SCHEMA, **_plain(values)}, indent=1, allow_nan=False)
    write_text(path, text + "\n")


def _plain(value: Any) -> Any:
    """Return JSON values: NumPy's numbers as Python's, what is not finite as null."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


class _Values(dict[str, Any]):
    """An object of a record; what it lacks is told with the record's name."""

    path: Path

    def __missing__(self, name: str) -> Any:
        raise InputError(
            f"{self.path} lacks {name!r}, so it was written by another version; run the stage again"
        )


def _read(path: Path) -> dict[str, Any] | None:
    def named(values: dict[str, Any]) -> _Values:
        known = _Values(values)
        known.path = path
        return known

    try:
        values = json.loads(path.read_text(encoding="utf-8"), object_hook=named)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}; run the stage again") from None
    schema = values.pop("schema", None) if isinstance(values, dict) else None
    if schema != SCHEMA:
        raise InputError(
            f"{path} is of schema {schema!r}, and this version reads {SCHEMA!r}; run ddpm reproduce"
            " anew into another folder"
        )
    return dict(values)


def _build(kind: Any, values: dict[str, Any], path: Path) -> Any:
    try:
        return kind(**values)
    except TypeError as error:
        raise InputError(f"{path} is not complete ({error}); run the stage again") from None
