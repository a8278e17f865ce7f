"""Arrays and random numbers; imports nothing else of the package."""
