"""Everything a run leaves behind, as one ordered mapping from place to array.

A place knows what it is called for people: the module that answers for it, the phase, the tensor.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from parity.framework import Array
from parity.trace import Tap, Trace

Phase = Literal["init", "forward", "backward", "optimizer", "schedule", "loss", "sampling"]


class Place(NamedTuple):
    """One tensor to be judged.

    Attributes:
        phase: of the run.
        path: the reference's module that answers for it: the module itself for what leaves it, the
            one that called it for what arrives at it.
        tensor: what it is, in words.
        tap: the tap it was seen at; None for parameters' gradients and buffers.
    """

    phase: Phase
    path: str
    tensor: str
    tap: Tap | None = None


def places(trace: Trace) -> dict[Place, Array]:
    """List a run's tensors in order of execution: forward, then backward from the end."""
    found = {_forward(trace, tap): array for tap, array in trace.arrived.items()}
    for path, array in trace.buffers.items():
        owner, _, name = path.rpartition(".")
        found[Place("forward", owner, f"{name} after the run")] = array
    owners: dict[str, list[str]] = {}
    for path in trace.parameters:
        owners.setdefault(path.rpartition(".")[0], []).append(path)
    for tap in reversed(trace.gradients):
        found[_backward(trace, tap)] = trace.gradients[tap]
        if tap.port == "input":
            found |= _parameters(trace, owners.pop(tap.path, []))
    for rest in owners.values():
        found |= _parameters(trace, rest)
    return found


def _name(tap: Tap) -> str:
    label = f" {tap.label}" if tap.label not in ("", tap.port) else ""
    again = f" (call {tap.call + 1})" if tap.call else ""
    return f"{tap.port}{label}{again}"


def _forward(trace: Trace, tap: Tap) -> Place:
    if tap.port == "loss":
        return Place("loss", "", "loss", tap)
    if tap.port == "output" or tap.path == "":
        return Place("forward", tap.path, _name(tap), tap)
    return Place("forward", trace.caller[tap], f"{_name(tap)} of {tap.path}", tap)


def _backward(trace: Trace, tap: Tap) -> Place:
    if tap.port == "input" or tap.path == "":
        return Place("backward", tap.path, f"gradient of {_name(tap)}", tap)
    return Place("backward", trace.caller[tap], f"gradient of {_name(tap)} of {tap.path}", tap)


def _parameters(trace: Trace, paths: list[str]) -> dict[Place, Array]:
    return {
        Place("backward", p.rpartition(".")[0], f"gradient of {p.rpartition('.')[2]}"): (
            trace.parameters[p]
        )
        for p in paths
    }
