"""What `pytest bench` runs: both frameworks and their peers, timed in turn."""
