"""The one exception of this room."""

from __future__ import annotations

from ddpm.errors import InputError


class MeasuringError(InputError):
    """A side could not be set up, or died; its text is one line."""
