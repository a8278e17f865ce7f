"""A finished run as the page needs it: its records, and the files that they name."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.errors import InputError
from ddpm.logs.run_log import read_losses
from ddpm.sampling import SamplingOutcome
from ddpm_study.run.records import Record, RunFolder, RunManifest
from parity.errors import CannotCompare
from parity.report.report import Report

AUDIT = "audit.json"


class Outcome(enum.Enum):
    """The outcome of a run."""

    AGREE = "rounding explains every difference"
    DIFFER = "rounding does not explain every difference"
    TOO_FEW_COMPARED = "rounding explains every difference, but too few weights were compared"
    NOT_COMPARED = "the stages that decide were left out"

    @property
    def fails(self) -> bool:
        """Whether `ddpm reproduce` ends with status 1."""
        return self in (Outcome.DIFFER, Outcome.TOO_FEW_COMPARED)


@dataclass(frozen=True)
class FinishedRun:
    """A run whose stages are all done or skipped.

    Attributes:
        path: its folder.
        manifest: its identity.
        records: stage -> its record; a skipped stage has none.
    """

    path: Path
    manifest: RunManifest
    records: dict[str, Record]

    @classmethod
    def load(cls, path: Path) -> FinishedRun:
        """Read a run.

        Raises:
            InputError: there is none, a record is damaged or of another schema, or a stage that was
                not skipped has none.
        """
        folder = RunFolder(path)
        manifest = folder.manifest()
        if manifest is None:
            raise InputError(f"{path} holds no run; make one with ddpm reproduce --out {path}")
        optional = {name: folder.record(name) for name in manifest.stages}
        records = {name: record for name, record in optional.items() if record is not None}
        missing = [n for n in manifest.stages if n not in records and n not in manifest.skipped]
        if missing:
            raise InputError(
                f"{path} has no record of the stage {missing[0]!r}; run ddpm reproduce --out {path}"
                f" --only {missing[0]}, or the whole run with --skip {missing[0]}"
            )
        return cls(path, manifest, records)

    def result(self, stage: str) -> dict[str, Any] | None:
        """Return a stage's result, or None where it was skipped."""
        record = self.records.get(stage)
        return None if record is None else record.result

    @cached_property
    def unet_report(self) -> Report | None:
        """The harness's report on the whole U-Net."""
        return self._report("parity")

    @cached_property
    def schedule_report(self) -> Report | None:
        """The harness's report on the noise schedule."""
        return self._report("schedule")

    def _report(self, stage: str) -> Report | None:
        result = self.result(stage)
        if result is None:
            return None
        try:
            return Report.load(self.path / result["report"])
        except CannotCompare as error:
            raise InputError(f"{error}; run the stage {stage} again") from None

    @cached_property
    def losses(self) -> dict[str, np.ndarray]:
        """Framework -> the loss of every step, of the frameworks that were trained."""
        results = {
            framework: self.result(f"train-{framework}") for framework in ("torch", "jittor")
        }
        return {
            framework: read_losses(self.path / result["log"])[1]
            for framework, result in results.items()
            if result is not None
        }

    def samples(self, stage: str) -> SamplingOutcome | None:
        """Return the images of a sampling stage, or None where it was skipped."""
        result = self.result(stage)
        return None if result is None else SamplingOutcome.load(self.path / result["samples"])

    @cached_property
    def audit(self) -> dict[str, Any] | None:
        """The scores of the harness's audit, if the folder holds them."""
        path = self.path / AUDIT
        return read_audit(path) if path.exists() else None

    @property
    def outcome(self) -> Outcome:
        """Whether the two frameworks agree, by the stages parity, schedule and precision."""
        precision = self.result("precision")
        reports = [r for r in (self.unet_report, self.schedule_report) if r is not None]
        discrepancies = [] if precision is None else precision["discrepancies"]
        if not all(r.passed for r in reports) or not all(d["is_rounding"] for d in discrepancies):
            return Outcome.DIFFER
        if precision is not None and not precision["agree"]:
            return Outcome.TOO_FEW_COMPARED
        if self.unet_report is None and precision is None:
            return Outcome.NOT_COMPARED
        return Outcome.AGREE


def read_audit(path: Path) -> dict[str, Any]:
    """Return the record that `python -m audit` wrote.

    Raises:
        InputError: it cannot be read, or is no such record.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read: {error}; make it anew with python -m audit --out {path}"
        ) from None
    fits = isinstance(values, dict) and str(values.get("schema")).startswith("ddpm-audit/")
    rows = values.get("rows") if fits else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(
            f"{path} is no record of an audit; make one with python -m audit --out {path}"
        )
    return dict(values)
