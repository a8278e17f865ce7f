"""Pairs that the options of a command name."""
