"""Training steps of a user's own loop: recorded in one framework, judged in the other."""
