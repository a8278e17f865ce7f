"""Corrupts the data that each check receives, to see that the check fails."""
