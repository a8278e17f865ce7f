"""The one exception of this package."""

from __future__ import annotations


class JittorEnvError(RuntimeError):
    """Jittor cannot start here; the text is one line: what is wrong, where, and what to do."""

    def __init__(self, what: str, *, remedy: str) -> None:
        super().__init__(" ".join(f"{what}; {remedy}".split()))
        self.what = what
        self.remedy = remedy
