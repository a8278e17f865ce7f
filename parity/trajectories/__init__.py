"""Sequences of steps: optimizers, training, sampling, several processes."""
