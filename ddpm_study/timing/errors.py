"""The exception of this package."""

from __future__ import annotations

from ddpm.errors import InputError


class MeasuringError(InputError):
    """A timed process could not be set up, or died; its text is one line."""
