"""Words for the data of a finding: the one place where fields become text for people."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from parity.base.difference import AxisShare, Difference
from parity.trace.sites import Boundary, Segment, TensorSite
from parity.verdict import Cause, Precision, Role


def tensor_name(site: TensorSite) -> str:
    """Return what a compared tensor is called, `gradient of input x of down.0` for example."""
    name = _name_in_module(site)
    if site.owner and site.owner != site.path:
        name += f" of {site.owner}"
    if site.scope == "end_to_end":
        return f"{name}, end to end"
    if site.scope == "free_run":
        return f"{name} at step {site.step}, running free"
    return f"{name} at step {site.step}" if site.scope == "loop" else name


def _name_in_module(site: TensorSite) -> str:
    if site.quantity in ("input", "output"):
        return port_name(site.quantity, site.label, site.call)
    if site.quantity in ("input_gradient", "output_gradient"):
        port = site.quantity.removesuffix("_gradient")
        return f"gradient of {port_name(port, site.label, site.call)}"
    if site.quantity == "parameter_gradient":
        return f"gradient of {site.label}"
    if site.quantity == "structure":
        return "structure of the outputs"
    if site.quantity == "parameter" and site.group:
        return f"{site.label}, {site.group}"
    if site.quantity == "given_gradient":
        return f"gradient of {site.label}, as the optimizer is given it"
    if site.quantity == "batch":
        return f"{site.label or 'data'} of batch {site.call + 1}"
    if site.quantity == "setting":
        return f"{site.group} of {site.label}"
    if site.quantity == "mode":
        return f"training mode{f' in call {site.call + 1}' if site.call else ''}"
    if site.quantity == "buffer":
        return f"{site.label} after the run"
    if site.quantity == "state" and site.group:
        return f"{site.group} of {site.label}"
    if site.quantity == "loss":
        return f"loss of {site.label}" if site.label and site.scope == "loop" else "loss"
    return site.label


def port_name(port: str, label: str, call: int) -> str:
    """Return the name of one tensor that enters or leaves a module's call."""
    name = f" {label}" if label not in ("", port) else ""
    again = f" (call {call + 1})" if call else ""
    return f"{port}{name}{again}"


def boundary_name(boundary: Boundary) -> str:
    """Return `output of down.0`, or `the start`."""
    if boundary.port in ("start", "end"):
        return f"the {boundary.port}"
    return f"{boundary.port} of {boundary.path or 'the model'}"


def segment_name(segment: Segment) -> str:
    """Return the two boundaries between which a fault lies."""
    return f"{boundary_name(segment.before)} and {boundary_name(segment.after)}"


def cause_text(
    cause: Cause,
    *,
    side: Role | None = None,
    precision: Precision = "float64",
    compared: tuple[str, str] | None = None,
) -> str:
    """Return a cause in words; see `parity.verdict.Judgement` for the arguments."""
    reference, candidate = compared or ("", "")
    not_finite = f"the {side} is not finite" + (" in float32" if precision == "float32" else "")
    lower = reference if side == "reference" else candidate
    return {
        Cause.SHAPE: f"shape {candidate}, and {reference} in the reference",
        Cause.TABLE_SHAPE: f"the {side} has shape {candidate} and not {reference}",
        Cause.OTHER_STRUCTURE: f"{candidate}, and {reference} in the reference",
        Cause.NO_OUTPUT: "no output could be compared",
        Cause.DTYPE: f"dtype {candidate}, and {reference} in the reference",
        Cause.NOT_FINITE: not_finite + (", the reference is" if side == "candidate" else ""),
        Cause.ONLY_IN_CANDIDATE: "the candidate has this call, the reference has not",
        Cause.MISSING_IN_CANDIDATE: "the candidate never reaches this tensor",
        Cause.LOWER_PRECISION: f"the {side} computes this in {lower} even when run in float64",
        Cause.RERUNS_DIFFER: f"the {side} differs from itself when run again",
        Cause.FLOAT32_ONLY: "in float32 only; float64 agrees",
        Cause.COARSER: f"the {side} computes in a lower precision than the other side",
        Cause.LOSES_DIGITS: f"the {side} loses digits",
        Cause.CONSTANT: "a constant on one side only, or another one",
        Cause.DISTRIBUTION: "another distribution",
        Cause.OTHER_BUFFER: "built with other values",
        Cause.OTHER_DRAW: "of the same distribution, but other numbers",
        Cause.INEXACT: f"the {side} is further from exact arithmetic than its operations explain",
        Cause.RANDOM: "both sides draw random numbers of their own here",
        Cause.RANDOM_ON_ONE_SIDE: f"the {side} alone draws random numbers here",
        Cause.OTHER_DRAWS: "the sides draw other kinds or numbers of random values here",
        Cause.UNKNOWN_ROUNDING: "too small to be told from rounding, which could not be measured",
        Cause.PAST_HORIZON: "past the horizon: rounding alone has grown to the size of the result",
    }[cause]


def known_text(name: str) -> str:
    """Return what is said of a difference that a known divergence of the frameworks explains."""
    return f"known divergence: {name}"


def not_finite_text(number: int) -> str:
    """Return what is said of elements that are not finite, and alike on both sides."""
    return f"{number} infinities or NaN, the same on both sides"


def gain_text(error: float, gain: float) -> str:
    """Return a free run's error divided by the linear growth of a disturbance."""
    return f"error / gain {error / gain:.2e} (gain {gain:.4g})"


def difference_text(difference: Difference) -> str:
    """Return where in a tensor the sides differ, as `32 of 512 elements, at index 5 of axis 1`."""
    shape = f"({', '.join(map(str, difference.shape))})"
    if difference.size == 1:
        return "its only element"
    if difference.count == difference.size:
        return f"all {difference.size:,} elements of {shape}"
    text = f"{difference.count:,} of {difference.size:,} elements of {shape}"
    if difference.count == 1:
        return f"{text}, at ({', '.join(map(str, difference.index))})"
    border = difference.border or [(0, 0)] * len(difference.shape)
    places = [f"at the border of {_border_text(border)}"] if difference.border else []
    places += [
        _axis_text(number, axis, size)
        for number, (axis, size) in enumerate(zip(difference.axes, difference.shape, strict=True))
        if axis.count < size and border[number] == (0, 0) and (axis.step or 2 * axis.count <= size)
    ]
    return ", ".join([text, " and ".join(places) or "spread over all axes"])


def _border_text(border: Sequence[tuple[int, int]]) -> str:
    around = [number for number, widths in enumerate(border) if widths != (0, 0)]
    axes = f"{'axes' if len(around) > 1 else 'axis'} {' and '.join(map(str, around))}"
    ends = {width for number in around for width in border[number]}
    if len(ends) == 1:
        return f"{axes}, {ends.pop()} wide"
    return f"{axes}, {' and '.join(f'{low} + {high}' for low, high in border if low or high)} wide"


def _axis_text(number: int, axis: AxisShare, size: int) -> str:
    if axis.count == 1:
        return f"at index {axis.first} of axis {number}"
    if axis.step == 1:
        block, rest = divmod(axis.first, axis.count)
        is_block = rest == 0 and size % axis.count == 0
        place = f"at indices {axis.first} to {axis.last} of axis {number}"
        return f"{place}, block {block + 1} of {size // axis.count}" if is_block else place
    if axis.step and axis.count > 2:
        return f"in steps of {axis.step} along axis {number}, from index {axis.first}"
    if axis.step:
        return f"at indices {axis.first} and {axis.last} of axis {number}"
    return f"at {axis.count} of {size} indices of axis {number}"


def counted(number: int, thing: str) -> str:
    """Return `1 tensor`, `2 tensors`."""
    return f"{number} {thing}" + ("s" if number != 1 else "")


def file_stem(pair: str) -> str:
    """Return a pair's name as the name of a file, without suffix."""
    return quote(pair, safe=" ,()+=-").replace(" ", "_")
