"""Calls of operators and layers in a running PyTorch model: as data, as source, and replaced."""
