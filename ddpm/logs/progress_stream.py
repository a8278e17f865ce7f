"""A stream for progress bars that never ends a run."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

# Raised where standard error is gone: on writing, where it is closed, and where it is None.
_GONE = (OSError, ValueError, AttributeError)


class ProgressStream:
    """Standard error, but that what cannot be written to it is dropped.

    The terminal of a long run may be closed, or standard error be a full disk, a broken pipe or
    nothing at all. A bar that cannot be drawn is no reason to lose the run.
    """

    encoding = "utf-8"

    def write(self, text: str) -> int:
        """Write what can be written; return the length of the text."""
        with suppress(*_GONE):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, if there is something to be flushed."""
        with suppress(*_GONE):
            sys.stderr.flush()

    def isatty(self) -> bool:
        """Tell whether it is a terminal that is still there."""
        try:
            return bool(sys.stderr.isatty())
        except _GONE:
            return False

    def fileno(self) -> int:
        """Return the number of standard error.

        Raises:
            OSError: there is none.
        """
        try:
            return sys.stderr.fileno()
        except (ValueError, AttributeError) as error:
            raise OSError("standard error is closed") from error


def progress_stream() -> Any:
    """Return the stream, to be given to tqdm as `file`."""
    return ProgressStream()
