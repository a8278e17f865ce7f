"""Fair timing of two or more sides: a process for each, measured strictly in turn."""

from measuring.alternation import Ratio, Timing, alternate
from measuring.errors import MeasuringError
from measuring.process import Side

__all__ = ["MeasuringError", "Ratio", "Side", "Timing", "alternate"]
