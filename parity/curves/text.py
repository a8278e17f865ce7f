"""A comparison of loss curves as text."""

from __future__ import annotations

from parity.curves.comparing import CurveComparison
from parity.curves.spread import SpreadJudgement
from parity.limits import CURVE_SIGNIFICANCE, HORIZON

NO_VERDICT = (
    "Curves alone decide nothing here. Equal-looking ones also come from a constant factor on the "
    "gradient under Adam, a forgotten weight decay, an EMA that is never updated, or dropout left "
    "off; unequal ones from rounding alone, once it has grown.",
    "For a verdict: `parity record-steps` and `parity check-steps` judge single steps of both "
    "trainings; --spread names two or more further runs of A, such as other seeds.",
)


def curves_text(names: tuple[str, str], comparison: CurveComparison) -> str:
    """Return the lines for people.

    Args:
        names: of the files of A and B.
        comparison: of their curves.
    """
    lines = [f"{names[0]} against {names[1]}: {_headline(comparison)}"]
    lines += [f"  {line}" for line in _distances(comparison)]
    if comparison.spread is not None:
        lines += [f"  {line}" for line in _spread(comparison, comparison.spread)]
    lines += [f"  note: {note}" for note in comparison.notes]
    if comparison.verdict == "no verdict":
        lines += NO_VERDICT
    if comparison.verdict == "within the spread":
        lines.append(
            "A fault that the loss does not show, such as a constant factor on the gradient under "
            "Adam, is not in the curves: `parity record-steps` judges single steps."
        )
    if comparison.verdict == "identical":
        lines.append(
            "Equal digits are evidence as far as rounding stays below them, and no longer; a fault "
            "that acts later, or never on the loss, is not in them."
        )
    return "\n".join(lines)


def _headline(comparison: CurveComparison) -> str:
    steps = comparison.steps
    count = f"{len(steps)} step{'s' if len(steps) > 1 else ''}"
    if comparison.verdict == "identical":
        return f"identical in all printed digits at {count}"
    return f"{comparison.verdict} ({count}, {steps[0]} … {steps[-1]})"


def _distances(comparison: CurveComparison) -> list[str]:
    distance = comparison.distance
    if distance.differs_from is None:
        return []
    steps = len(comparison.steps)
    return [
        f"printed digits agree at {distance.agreeing} of {steps} steps, "
        f"and differ first at step {distance.differs_from}",
        f"relative difference: mean {distance.mean:.2e}, "
        f"largest {distance.largest:.2e} at step {distance.largest_at}",
    ]


def _spread(comparison: CurveComparison, spread: SpreadJudgement) -> list[str]:
    a, b = comparison.count, len(comparison.runs) - comparison.count
    first, last = (comparison.step_at(index) for index in spread.window)
    kind = "the means" if spread.of_means else "the curves"
    who = "B" if b == 1 else f"{b} runs of B"
    lines = [
        f"{who} and {a} run{'s' if a > 1 else ''} of A: {kind} of steps {first} … {last} lie "
        f"{spread.spreads:.3g} standard deviations apart, farther than in all other windows"
    ]
    if spread.is_outside:
        lines.append(
            f"no other of {spread.divisions} divisions of the runs is so far apart, and a correct "
            f"port is beyond {spread.needed:.3g} with a probability of at most "
            f"{CURVE_SIGNIFICANCE:g}"
        )
    elif spread.farthest:
        lines.append(
            f"no other of {spread.divisions} divisions of the runs is so far apart, which happens "
            f"to 1 correct port in {spread.divisions}; with {a + b} runs only more than "
            f"{spread.needed:.3g} is outside: name more runs"
        )
    else:
        lines.append(
            f"of {spread.divisions} divisions of the runs another is as far apart: B looks "
            f"like one more run; with {a + b} runs a fault of less than {spread.needed:.3g} may be "
            "missed"
        )
    outside, coarse = (
        comparison.step_at(spread.outside_from),
        comparison.step_at(spread.coarse_from),
    )
    # What lies behind the window was not what decided.
    if spread.is_outside and outside is not None and last is not None and outside <= last:
        lines.append(f"from step {outside} on B lies beyond all runs of A")
    if coarse is not None:
        lines.append(
            f"from step {coarse} on the runs of one setting differ by more than {HORIZON:.0%} of "
            "the loss: from there on only larger faults show"
        )
    return lines
