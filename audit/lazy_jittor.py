"""Jittor, started when one of its attributes is first used.

Where Jittor has never run it compiles its core first, which takes minutes. The list of the cases
and the help text need none of it.
"""

from __future__ import annotations

from typing import Any

import jittor_env


class _LazyJittor:
    def __getattr__(self, name: str) -> Any:
        return getattr(jittor_env.load(), name)


jt: Any = _LazyJittor()
