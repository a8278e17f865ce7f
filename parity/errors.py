"""The exceptions for comparisons that cannot be made."""

from __future__ import annotations


class CannotCompare(Exception):  # noqa: N818 - part of the public interface
    """A comparison is not possible: bad input, a module that raises, names without a partner.

    Its text is one line that says what is wrong, where, and what to do. The command line prints it
    and exits with status 2.
    """


class SideRaised(CannotCompare):
    """One side's own code raised while it ran.

    Attributes:
        role: `reference` or `candidate`.
        framework: its framework's name.
        precision: of the run, `float32` or `float64`.
        module: path in the reference of the innermost module whose code raised, `""` for the model
            itself.
    """

    def __init__(
        self, role: str, framework: str, precision: str, module: str, cause: BaseException
    ) -> None:
        place = f" in {module}" if module else ""
        super().__init__(
            f"the {role} ({framework}) raised{place} in {precision}: {one_line(cause)}"
        )
        self.role, self.framework, self.precision, self.module = role, framework, precision, module


class RaisedInModule(Exception):  # noqa: N818 - passes a place on, inside this package
    """Carries the path of the module whose code raised; its cause is the exception."""

    def __init__(self, module: str) -> None:
        super().__init__(module)
        self.module = module


def one_line(error: BaseException) -> str:
    """Return an exception as `Type: text` on one line, or as `Type` if it has no text."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
