"""Fair timing of two or more implementations: a process for each, measured strictly in turn."""

from ddpm_study.timing.alternation import Ratio, Timing, alternate
from ddpm_study.timing.errors import MeasuringError
from ddpm_study.timing.process import TimedProcess

__all__ = ["MeasuringError", "Ratio", "TimedProcess", "Timing", "alternate"]
