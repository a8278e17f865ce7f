"""Checkpoints: their rules, and those of a run's folder."""
