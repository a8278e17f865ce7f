"""Jittor, tamed: the right environment before its import, the right arithmetic after it.

    import jittor_env
    jt = jittor_env.load()

Of use to any program that uses Jittor; knows nothing of models.
"""

from jittor_env.errors import JittorEnvError
from jittor_env.startup import load, prepare, settle

__all__ = ["JittorEnvError", "load", "prepare", "settle"]
