"""Nested values: the arguments of a model's call, what it returns, and the tensors in both."""
