"""The one exception of this package."""

from __future__ import annotations

from functools import partial


class JittorEnvError(RuntimeError):
    """Jittor cannot start here. The text is one line: what is wrong, where, and the fix."""

    def __init__(self, what: str, *, remedy: str) -> None:
        super().__init__(" ".join(f"{what}; {remedy}".split()))
        self.what = what
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle it, so that a worker process can pass it to its parent."""
        return partial(type(self), remedy=self.remedy), (self.what,)
