"""A finished run as the page needs it: its records, and the files that they name."""

from __future__ import annotations

import enum
import os
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
from safe_files.reading import CannotRead, read_json, show

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
            raise InputError(
                f"{show(path)} holds no run; make one with ddpm reproduce --out {show(path)}"
            )
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
            return Report.load(self._file(stage, result["report"]))
        except CannotCompare as error:
            raise InputError(f"{error}; run the stage {stage} again") from None

    @cached_property
    def losses(self) -> dict[str, np.ndarray]:
        """Framework -> the loss of every step, of the frameworks that were trained."""
        results = {
            framework: self.result(f"train-{framework}") for framework in ("torch", "jittor")
        }
        return {
            framework: _losses(self._file(f"train-{framework}", result["log"]))
            for framework, result in results.items()
            if result is not None
        }

    def samples(self, stage: str) -> SamplingOutcome | None:
        """Return the images of a sampling stage, or None where it was skipped."""
        result = self.result(stage)
        return None if result is None else _samples(self._file(stage, result["samples"]))

    def require_files(self) -> None:
        """Read every file that the records name, so that nothing is written if one is unusable.

        Raises:
            InputError: one is missing, damaged, outside of the folder, does not fit to the others,
                or holds NaN or infinity.
        """
        _ = self.unet_report, self.schedule_report, self.losses, self.audit
        first: tuple[str, Any] | None = None
        for stage in ("sample-torch", "sample-jittor", "sample-same"):
            outcome = self.samples(stage)
            if outcome is None:
                continue
            frames = {t: x.shape for t, x in outcome.frames.items()}
            shapes = (outcome.images.shape, frames)
            first = first or (stage, shapes)
            if shapes != first[1]:
                raise InputError(
                    f"{show(self.path)}: the images of {stage} and of {first[0]} have other shapes"
                    " or timesteps; run both stages again"
                )

    def _file(self, stage: str, name: str) -> Path:
        return RunFolder(self.path).file(stage, name)

    @cached_property
    def audit(self) -> dict[str, Any] | None:
        """The scores of the harness's audit, if the folder holds them."""
        path = self.path / AUDIT
        return read_audit(path) if os.path.lexists(path) else None

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
        values = read_json(path)
    except CannotRead as error:
        raise InputError(f"{error}; make it anew with python -m audit --out audit.json") from None
    fits = isinstance(values, dict) and str(values.get("schema")).startswith("ddpm-audit/")
    rows = values.get("rows") if fits else None
    if not isinstance(rows, list) or not all(map(_is_row, rows)):
        raise InputError(
            f"{show(path)} is no record of an audit; make one with python -m audit --out audit.json"
        )
    return dict(values)


def _is_row(row: Any) -> bool:
    """Tell whether a row of an audit is an object of texts and numbers."""
    return isinstance(row, dict) and all(
        isinstance(cell, (str, int, float)) for cell in row.values()
    )


def _losses(path: Path) -> np.ndarray:
    """Return the losses of a log; there are some, and each is finite."""
    steps, losses = read_losses(path)
    if not len(losses):
        raise InputError(f"{show(path)} has no steps; run its training again")
    wrong = np.flatnonzero(~np.isfinite(losses))
    if len(wrong):
        raise InputError(
            f"{show(path)}: the loss of step {steps[wrong[0]]} is {losses[wrong[0]]:g}, so the"
            " training has diverged; train again with a smaller learning rate"
        )
    return losses


def _samples(path: Path) -> SamplingOutcome:
    """Return the images of a sampling; there are some, each is finite, and frames fit to them."""
    outcome = SamplingOutcome.load(path)
    for name, array in (("images", outcome.images), *outcome.frames.items()):
        fits = array.ndim == 4 and array.size > 0 and array.shape[1] in (1, 3)
        fits = fits and array.shape[1:] == outcome.images.shape[1:] and array.dtype.kind == "f"
        if not fits or not np.isfinite(array).all():
            raise InputError(
                f"{show(path)}: {name} of shape {array.shape} and dtype {array.dtype} are no finite"
                " images (N, C, H, W); sample again"
            )
    return outcome
