"""The harness in one file, for environments in which it cannot be installed."""
