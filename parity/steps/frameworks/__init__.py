"""The events inside a training loop, by each framework's own means."""
