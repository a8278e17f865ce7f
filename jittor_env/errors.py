"""The one exception of this package."""

from __future__ import annotations

from functools import partial


class JittorEnvError(RuntimeError):
    """Jittor cannot start here; the text is one line: what is wrong, where, and what to do."""

    def __init__(self, what: str, *, remedy: str) -> None:
        super().__init__(" ".join(f"{what}; {remedy}".split()))
        self.what = what
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        """Let it be raised in another process than the one in which Jittor cannot start."""
        return partial(type(self), remedy=self.remedy), (self.what,)
