"""Compares Jittor's operators and layers with PyTorch's, one entry at a time.

`parity atlas` runs the survey. To add a comparison, add an `Entry` to a file of `catalogue/`.
"""
