"""Jittor's operators and layers beside PyTorch's, one by one: what agrees, what does not, the mend.

To add a line to the atlas, add an `Entry` to a file of `catalogue/`.
"""
