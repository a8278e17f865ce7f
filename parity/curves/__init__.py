"""Loss curves of two training runs, read from their logs and compared."""
