"""The report that a comparison returns: its outcome, to be printed, saved and read again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parity.errors import MissingPackage
from parity.report import json, text
from parity.report.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class Report(Outcome):
    """The outcome of one comparison; its text is that of `parity check`."""

    def save(self, path: str | Path) -> None:
        """Write the report as JSON, complete or not at all.

        Raises:
            CannotCompare: the file cannot be written.
        """
        json.write(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Report:
        """Read a report that `save` wrote, of this version or of an earlier one.

        Raises:
            CannotCompare: there is none, or it is damaged or of another schema.
        """
        return cls(**json.read(Path(path)))

    @classmethod
    def from_dict(cls, values: Any) -> Report:
        """Return the report of JSON values.

        Raises:
            CannotCompare: they are damaged or of another schema.
        """
        return cls(**json.from_dict(values))

    def to_dataframe(self) -> Any:
        """Return the findings as a `pandas.DataFrame`, a row for each, with columns by field.

        Raises:
            CannotCompare: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise MissingPackage("to_dataframe needs pandas: pip install pandas") from error
        return pandas.DataFrame(json.to_dict(self)["findings"])

    def _repr_html_(self) -> str:
        """Return the report for a notebook."""
        from parity.report.pages.html import fragment

        return fragment(self)

    def __str__(self) -> str:
        return text.describe(self)
