"""A training loop that is followed while it runs, and given another one's values."""
