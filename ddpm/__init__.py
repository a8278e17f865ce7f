"""What a DDPM run is, owned by no framework: configuration, randomness, data, files.

NumPy only. Nothing in this package imports torch or jittor.
"""
