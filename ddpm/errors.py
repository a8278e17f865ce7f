"""The one exception that means: the user gave something unusable."""

from __future__ import annotations


class InputError(ValueError):
    """Something given from outside cannot be used.

    Its text is one line that says what was wrong, where, and what to do; the command line prints it
    as it is and exits with status 2.
    """
