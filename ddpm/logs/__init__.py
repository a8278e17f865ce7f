"""Logs of a training: losses, times and the curve drawn from them."""
