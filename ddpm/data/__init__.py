"""Training sets: where images come from and the one form in which they are kept."""
