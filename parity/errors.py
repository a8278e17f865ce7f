"""The exceptions for comparisons that cannot be made, and exceptions as one line of text.

Every kind of refusal has a code, a word that does not change; docs/codes.md lists them.
"""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

# Longest text of an exception in a message; `--verbose` shows the rest.
LONGEST = 300
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# Jittor's log prefix, and what it asks for after the cause.
_LOG_PREFIX = re.compile(r"^\[[a-z] \d{4} [\d:.]+ \d+ [^\]]*\]\s*")
_BOILERPLATE = re.compile(
    r"(please report|async error was detected|re-run your code with env vars|"
    r"reason:\s*$|stack trace|segfault)",
    re.IGNORECASE,
)


class CannotCompare(Exception):  # noqa: N818 - part of the public interface
    """A comparison is not possible: bad input, a module that raises, names without a partner.

    Its text is one line that says what is wrong, where, and what to do. The command line prints it
    and exits with status 2.

    Attributes:
        code: the word for this kind of refusal, for programs; it stays what it is.
        details: more lines, to be shown below; empty if there is nothing more to say.
    """

    code: ClassVar[str] = "bad-input"
    details: str = ""


class NoPair(CannotCompare):
    """The name of a pair leads to nothing, or to something else."""

    code = "no-pair"


class CodeRaised(CannotCompare):
    """A user's own code raised outside of the two models: `inputs`, a builder or a script."""

    code = "code-raised"


class CannotImport(CodeRaised):
    """A module with pairs or builders raised while it was imported, or is not there."""

    code = "cannot-import"


class MissingPackage(CannotCompare):
    """A package that is needed here is not installed; the text says how to get it."""

    code = "missing-package"


class UnusedEntry(CannotCompare):
    """An exception that the user made, in `allow` or `accept` say, excused nothing."""

    code = "unused-entry"


class Unexpected(CannotCompare):
    """Something inside this package raised."""

    code = "internal-error"


class RestartNeeded(CannotCompare):
    """Jittor has rebuilt a part of its cache and ends the process, to be started again."""

    code = "restart-needed"


class NotRecorded(CannotCompare):
    """A recorded side was asked for a run that its record does not have."""

    code = "not-recorded"


class SideRaised(CannotCompare):
    """One side's own code raised while it ran.

    Attributes:
        role: `reference` or `candidate`.
        framework: its framework's name.
        precision: of the run, `float32` or `float64`.
        module: path in the reference of the innermost module whose code raised, `""` for the model
            itself.
        place: file and line of the user's code, `""` where there is none.
    """

    code = "side-raised"

    def __init__(
        self,
        role: str,
        framework: str,
        precision: str,
        module: str,
        cause: BaseException,
        *,
        in_loss: bool = False,
    ) -> None:
        self.place = users_line(cause)
        inside = f" in {module}" if module else ""
        at = f" ({self.place})" if self.place else ""
        whose = "the loss of " if in_loss else ""
        where = f"{whose}the {role} ({framework}) raised{inside} in {precision}"
        super().__init__(f"{where}: {one_line(cause)}{at}")
        self.role, self.framework = role, framework
        self.precision, self.module = precision, module
        self.details = "".join(
            traceback.format_exception(type(cause), cause, cause.__traceback__)
        ).rstrip()


class RaisedWhenRecorded(SideRaised):
    """A side's own code raised while it was recorded; see `SideRaised` for the arguments."""

    def __init__(self, role: str, framework: str, precision: str, module: str, text: str) -> None:
        CannotCompare.__init__(self, text)
        self.role, self.framework, self.precision = role, framework, precision
        self.module, self.place = module, ""


class NoPartner(CannotCompare):
    """Parameters of one side have no partner on the other.

    Attributes:
        tree: a `parity.structure.module_tree.Tree` of both sides, where they are known.
    """

    code = "no-partner"
    tree: Any = None


class RaisedInModule(Exception):  # noqa: N818 - passes a place on, inside this package
    """Carries the path of the module whose code raised; its cause is the exception."""

    def __init__(self, module: str) -> None:
        super().__init__(module)
        self.module = module


class RaisedInLoss(Exception):  # noqa: N818 - likewise
    """Says that the user's loss raised; its cause is the exception."""


def code_of(error: BaseException) -> str:
    """Return the code of an error, or of what led to it, which often says more.

    The innermost exception of a kind of its own decides: that Jittor cannot start, say, where the
    import of a file of pairs failed.
    """
    led_to_it = error.__cause__ or error.__context__
    code = "" if led_to_it is None else code_of(led_to_it)
    if code not in ("", CannotCompare.code, Unexpected.code):
        return code
    own = getattr(error, "code", None) if isinstance(error, Exception) else None  # no SystemExit
    return own if isinstance(own, str) else Unexpected.code


def refusal(text: object, code: str) -> str:
    """Return the line with which the program ends: the code stands at its end."""
    return f"parity: {text}  [{code}]"


def one_line(error: BaseException) -> str:
    """Return an exception as `Type: text` on one line, or as `Type` if it has no text.

    Colour codes, log prefixes and requests to report an issue are left out, and what is longer than
    300 characters is cut.
    """
    try:
        text = str(error)
    except Exception:
        text = "its text cannot be shown"
    lines = [_LOG_PREFIX.sub("", line.strip()) for line in _COLOUR.sub("", text).splitlines()]
    kept = [line for line in lines if not _BOILERPLATE.search(line)] or lines
    text = " ".join(" ".join(kept).split())
    if len(text) > LONGEST:
        text = text[: LONGEST - 1] + "…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def users_line(error: BaseException) -> str:
    """Return `file:line` of the innermost frame outside of installed packages; `""` if none."""
    installed = {Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "stdlib")}
    own = Path(__file__).resolve().parent
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if not path.is_absolute() or not path.exists():
            continue
        parents = set(path.resolve().parents)
        if own not in parents and not parents & installed:
            return f"{path.name}:{frame.lineno}"
    return ""


@contextmanager
def users_code(what: str, kind: type[CodeRaised] = CodeRaised) -> Iterator[None]:
    """Run a user's code in a `with` block: whatever it raises becomes one line.

    Args:
        what: the code's name, the start of the line.
        kind: the class of what is raised then.

    Raises:
        CannotCompare: the block raised something else than KeyboardInterrupt; `sys.exit` included,
            whose exit status would be taken for the comparison's.
    """
    try:
        yield
    except (CannotCompare, KeyboardInterrupt):
        raise
    except BaseException as error:
        if isinstance(error, SystemExit) and _was_raised_by(error, "jittor"):
            raise RestartNeeded(
                f"{what}: Jittor has rebuilt a part of its cache and asks to be started again"
            ) from error
        place = users_line(error)
        raised = kind(f"{what} raised {one_line(error)}" + (f" ({place})" if place else ""))
        raised.details = "".join(
            traceback.format_exception(type(error), error, error.__traceback__)
        ).rstrip()
        raise raised from error


def _was_raised_by(error: BaseException, package: str) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    if frames and frames[-1].name == "exit":
        frames.pop()  # of Jittor's own `sys.exit`, with which it replaces Python's
    return any(package in Path(frame.filename).parts for frame in frames)
