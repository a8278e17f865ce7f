"""A run as the page needs it: the records, and the arrays that they name, read once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.errors import InputError
from ddpm.runlog import read_losses
from ddpm.sampling import SamplingOutcome
from ddpm_study.plan import NAMES
from ddpm_study.records import Record, RunFolder, RunManifest
from parity.errors import CannotCompare
from parity.report.finding import Finding
from parity.report.report import Report

AUDIT = "audit.json"


@dataclass(frozen=True)
class Run:
    """A run that is finished as far as its plan goes.

    Attributes:
        path: its folder.
        head: what it is about.
        records: stage -> its record; a stage that was skipped has none.
    """

    path: Path
    head: RunManifest
    records: dict[str, Record]

    @classmethod
    def load(cls, path: Path) -> Run:
        """Read a run.

        Raises:
            InputError: there is none, a record is damaged or of another schema, or a stage that was
                not skipped has none.
        """
        folder = RunFolder(path)
        head = folder.head()
        if head is None:
            raise InputError(f"{path} holds no run; make one with ddpm reproduce --out {path}")
        found = {name: folder.record(name) for name in NAMES}
        records = {name: record for name, record in found.items() if record is not None}
        missing = [name for name in NAMES if name not in records and name not in head.skipped]
        if missing:
            raise InputError(
                f"{path} has no record of the stage {missing[0]!r}; run ddpm reproduce --out {path}"
                f" --only {missing[0]}, or the whole with --skip {missing[0]}"
            )
        return cls(path, head, records)

    def result(self, stage: str) -> dict[str, Any] | None:
        """Return what a stage found, or None where it was skipped."""
        record = self.records.get(stage)
        return None if record is None else record.result

    @cached_property
    def report(self) -> Report | None:
        """The harness's report on the whole U-Net."""
        result = self.result("parity")
        if result is None:
            return None
        try:
            return Report.load(self.path / result["report"])
        except CannotCompare as error:
            raise InputError(f"{error}; run the stage parity again") from None

    @cached_property
    def losses(self) -> dict[str, np.ndarray]:
        """Side -> the loss of every step, of the sides that were trained."""
        found = {side: self.result(f"train-{side}") for side in ("torch", "jittor")}
        return {
            side: read_losses(self.path / result["log"])[1]
            for side, result in found.items()
            if result is not None
        }

    def samples(self, stage: str) -> SamplingOutcome | None:
        """Return the images of a sampling stage, or None where it was skipped."""
        result = self.result(stage)
        return None if result is None else SamplingOutcome.load(self.path / result["samples"])

    @cached_property
    def audit(self) -> dict[str, Any] | None:
        """The scores of the gate's own audit, where they were laid into the folder."""
        path = self.path / AUDIT
        return read_audit(path) if path.exists() else None

    @property
    def failures(self) -> list[str]:
        """What does not agree, in words; empty where all that was compared agrees."""
        found = []
        if self.report is not None and not self.report.passed:
            found.append(f"the harness says {self.report.verdict.name}: {_place(self.report)}")
        probe = self.result("probe")
        if probe is not None:
            found += [
                f"the gap of {gap['quantity']} does not shrink in float64"
                for gap in probe["gaps"]
                if not gap["is_rounding"]
            ]
        return found

    @property
    def compared(self) -> bool:
        """Whether anything was compared that decides."""
        return self.report is not None or self.result("probe") is not None


def read_audit(path: Path) -> dict[str, Any]:
    """Return what `python -m audit` wrote.

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


def _place(report: Report) -> str:
    first: Finding | None = report.first_divergence
    return "nothing was compared" if first is None else f"{first.phase} of {first.path or 'model'}"
