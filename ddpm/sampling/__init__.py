"""Sampling runs: batches with progress, where they are kept, and pictures; for both frameworks."""

from ddpm.sampling.batches import Chain, SamplingOutcome, draw, sample
from ddpm.sampling.folder import is_unfinished, sample_folder
from ddpm.sampling.pictures import STRIP, save_pictures

__all__ = [
    "STRIP",
    "Chain",
    "SamplingOutcome",
    "draw",
    "is_unfinished",
    "sample",
    "sample_folder",
    "save_pictures",
]
