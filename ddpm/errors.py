"""The exceptions that end a program with one line."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar


class InputError(ValueError):
    """A file, an option or another input cannot be used.

    Its text is one line that says what was wrong, where, and what to do; the command line prints it
    as it is and exits with status 2.

    Attributes:
        code: the word for this kind of refusal, for programs.
    """

    code: ClassVar[str] = "bad-input"


class PeersLost(Exception):  # noqa: N818 - it is named after the finding, like CannotWrite
    """Another process of the same run, its host or the link to it is gone.

    Its text is one line like that of `InputError`.

    Attributes:
        code: the word for this kind of refusal, for programs.
        checkpoint: path of the state that was saved when this was noticed, if it was.
    """

    code: ClassVar[str] = "peers-lost"

    def __init__(self, line: str, checkpoint: Path | None = None) -> None:
        super().__init__(line)
        self.checkpoint = checkpoint
