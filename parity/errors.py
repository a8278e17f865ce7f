"""The one exception that means: these two cannot be compared."""

from __future__ import annotations


class CannotCompare(Exception):  # noqa: N818 - it names a finding about the pair, not a fault here
    """What was given cannot be compared.

    Its text is one line that says what was wrong, where, and what to do; the command line prints it
    as it is and exits with status 2.
    """


def one_line(error: BaseException) -> str:
    """Return an exception as `Type: text` on a single line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
