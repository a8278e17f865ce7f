"""Layers, functions and optimizers for Jittor with PyTorch's behaviour, names and defaults.

    from jittor_env import compat

    norm = compat.BatchNorm2d(64)

Parameters have PyTorch's names, so a state_dict of PyTorch loads by name. Only what Jittor's own
form does otherwise is here; docs/compat.md lists it. The import starts Jittor by
`jittor_env.load()`.
"""

from jittor_env.startup import load

load()
