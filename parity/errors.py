"""The exception for comparisons that cannot be made."""

from __future__ import annotations


class CannotCompare(Exception):  # noqa: N818 - part of the public interface
    """A comparison is not possible: bad input, a module that raises, names without a partner.

    Its text is one line that says what is wrong, where, and what to do. The command line prints it
    and exits with status 2.
    """


def one_line(error: BaseException) -> str:
    """Return an exception as `Type: text` on one line, or as `Type` if it has no text."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
