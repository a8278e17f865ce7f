"""Benchmarks that `pytest bench` runs: both implementations and their peers, timed in turn."""
