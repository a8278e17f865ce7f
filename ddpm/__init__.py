"""The parts of a DDPM run that belong to no framework: configuration, randomness, data, files.

NumPy only. Nothing in this package imports torch or jittor.
"""
