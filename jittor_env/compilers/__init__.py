"""Compilers: faster compiles of Jittor's core and kernels, with the right Python headers."""
