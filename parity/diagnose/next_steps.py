"""The step that comes next: a line for each cause, verdict, outcome and code of a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from parity.report.faults import FaultKind
from parity.report.known_divergences import DIVERGENCES
from parity.verdict import Cause, Verdict

if TYPE_CHECKING:
    from parity.report.finding import Finding
    from parity.report.outcome import Outcome

ADVICE = {
    Verdict.SEMANTIC_DIFFERENCE: "read the two sides of this location next to each other",
    Verdict.ERROR: "fix this before looking at anything else",
    Verdict.ABSTAIN: "make the tensor repeatable and reachable, or list it in Pair(allow=…)",
    Verdict.NUMERICALLY_WEAKER: "use a more accurate form on the weaker side, or accept the loss",
}
# What to try first.
OF_CAUSE = {
    Cause.SHAPE: "compare sizes, strides, padding and axes of this module on both sides",
    Cause.OTHER_STRUCTURE: "return the same structure, or accept `output structure` with a reason",
    Cause.NO_OUTPUT: "return tensors, or say what is in the result with parity.register_container",
    Cause.TABLE_SHAPE: "compare the number of values that both sides compute",
    Cause.DTYPE: "find the cast or the constant that gives the candidate its dtype",
    Cause.NOT_FINITE: "find the division, root, logarithm or exponential here that that side "
    "writes otherwise",
    Cause.ONLY_IN_CANDIDATE: "take the call out of the port, or call it in the reference as well",
    Cause.MISSING_IN_CANDIDATE: "call the module in the port too; where it is written into another "
    "on purpose, list it in Pair(allow=…)",
    Cause.LOWER_PRECISION: "find the cast or the constant that keeps that side from float64",
    Cause.RERUNS_DIFFER: "find what that side draws or keeps from one call to the next",
    Cause.FLOAT32_ONLY: "find what only float32 takes: a cast, a branch on the dtype, a constant "
    "below its precision",
    Cause.COARSER: "take the cast to the lower precision out, or make it on both sides",
    Cause.LOSES_DIGITS: "use a more accurate form on that side, or accept the loss",
    Cause.CONSTANT: "give the parameter the reference's initialiser",
    Cause.DISTRIBUTION: "compare bounds, gain and fan of both initialisers",
    Cause.OTHER_BUFFER: "compare the formulas from which both sides build the buffer",
    Cause.OTHER_DRAW: "set the initial weights from the same numbers; init=True asks for the "
    "distribution alone",
    Cause.INEXACT: "compute the table in float64 and cast it at the end",
    Cause.RANDOM: 'give both sides the same numbers, random="shared", or compare in evaluation '
    "mode",
    Cause.RANDOM_ON_ONE_SIDE: "draw on both sides: dropout that is missing, or in the other mode",
    Cause.OTHER_DRAWS: "draw values of the same kind and number in the same order",
    Cause.UNKNOWN_ROUNDING: "write the loss with functions that have a second derivative",
    Cause.PAST_HORIZON: "compare fewer steps; steps from equal states are judged anyway",
}


class Refusal(NamedTuple):
    """A kind of status 2: what it means, and what to do."""

    meaning: str
    remedy: str


REFUSALS = {
    "usage": Refusal("the command line is wrong", "read --help of the command"),
    "bad-input": Refusal(
        "a value, a file or a field of a pair cannot be used",
        "do what the line says: it names the value",
    ),
    "cannot-read": Refusal("a file is missing or damaged, or is none", "name another file"),
    "cannot-write": Refusal("an output cannot be written", "name another path, or free some space"),
    "folder-is-busy": Refusal("another process uses the folder", "wait for it, or name another"),
    "no-pair": Refusal(
        "what was named is not there, or is no pair", "name one of those that the line lists"
    ),
    "cannot-import": Refusal(
        "a module with pairs or builders raised, or is not there",
        "import it in Python alone, from the same folder",
    ),
    "code-raised": Refusal(
        "a builder, inputs, a script or other code of the user's raised",
        "run it in Python alone; --verbose shows the traceback",
    ),
    "side-raised": Refusal(
        "one side's model or loss raised while it ran",
        "call that side alone on the pair's inputs; --verbose shows the traceback",
    ),
    "no-partner": Refusal(
        "parameters of one side have no partner of their shape on the other",
        "run parity tree and paste the rename and weights that it proposes into the pair",
    ),
    "not-recorded": Refusal(
        "the comparison needs a run that the record does not hold",
        "record the side again with the same pair and options",
    ),
    "unused-entry": Refusal(
        "an entry of allow, accept, ignore or [tool.parity.accept] excused nothing",
        "remove the entry",
    ),
    "restart-needed": Refusal(
        "Jittor rebuilt a part of its cache, twice in a row", "remove Jittor's cache"
    ),
    "jittor-cannot-start": Refusal("Jittor is there and cannot start", "run ddpm doctor"),
    "missing-package": Refusal("an optional package is missing", "install what the line names"),
    "peers-lost": Refusal(
        "another process of the same training is gone", "start all of them again with --resume auto"
    ),
    "stopped": Refusal("a signal or Ctrl-C ended the program", "run it again"),
    "internal-error": Refusal("something inside parity raised", "report it, with --verbose"),
}
# Those whose line says what happened, and not what to do.
SHOWN = frozenset({"cannot-import", "code-raised", "side-raised", "no-partner", "internal-error"})


def advice(finding: Finding) -> str:
    """Return what to do about one finding: by its known divergence, its cause or its verdict."""
    if finding.known in DIVERGENCES:
        return DIVERGENCES[finding.known].workaround
    if finding.cause is not None:
        return OF_CAUSE[finding.cause]
    return ADVICE[finding.verdict]


def next_step(report: Outcome) -> str:
    """Return what to do after a report, in one line."""
    faults = report.faults
    kinds = {fault.kind for fault in faults}
    if not report.findings:
        return OF_CAUSE[Cause.NO_OUTPUT]
    if kinds == {FaultKind.KNOWN}:
        names = sorted({str(fault.first.known) for fault in faults})
        entries = ", ".join(f'"{name}": "the reason"' for name in names)
        return f"only known divergences are left: change the port, or accept={{{entries}}}"
    if kinds == {FaultKind.UNJUDGED}:
        paths = dict.fromkeys(fault.first.path for fault in faults)
        entries = ", ".join(f'"{path}": "the reason"' for path in paths)
        return f"nothing differs for certain; what cannot be helped: allow={{{entries}}}"
    if faults:
        return "repair the first place alone, and run this again"
    return _after_agreement(report)


def _after_agreement(report: Outcome) -> str:
    if not report.passes(strict=True):
        return "all agrees, with digits lost on one side: repair that, and --strict passes too"
    if any(finding.scope == "loop" for finding in report.findings):
        return "keep the record, and run this in CI with --strict"
    phases = {finding.phase for finding in report.findings}
    if "forward" in phases and "optimizer" not in phases:
        return "compare a training step: optimizer={…} and loss in the pair; then CI, with --strict"
    return "run this in CI, with --strict"
