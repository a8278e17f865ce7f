"""Runs a model and keeps the tensors that cross its module boundaries."""
