"""The exception for input that cannot be used."""

from __future__ import annotations


class InputError(ValueError):
    """A file, an option or another input cannot be used.

    Its text is one line that says what was wrong, where, and what to do; the command line prints it
    as it is and exits with status 2.
    """
