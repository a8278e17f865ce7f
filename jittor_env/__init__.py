"""Jittor with a prepared environment before its import and IEEE-safe arithmetic after it.

    import jittor_env
    jt = jittor_env.load()

Any program that uses Jittor can use this package; it knows nothing of models.
"""

from jittor_env.errors import JittorEnvError
from jittor_env.startup import importing, load, prepare, settle

__all__ = ["JittorEnvError", "importing", "load", "prepare", "settle"]
