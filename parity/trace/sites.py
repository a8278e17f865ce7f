"""Everything a run leaves behind, as one ordered mapping from place to array.

A place knows what it is called for people: the module that answers for it, the phase, the tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from parity.report.finding import Phase
from parity.trace.recorder import Tap, Trace
from parity.trace.tensor_store import TensorSink


class TensorSite(NamedTuple):
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


class Values(Mapping[TensorSite, Any]):
    """What a run left at every place, read from the trace when it is asked for.

    Arrays, or their distances where the trace keeps no more.
    """

    def __init__(self, found: Mapping[TensorSite, tuple[TensorSink[Any], Any]]) -> None:
        self._found = found

    def __getitem__(self, site: TensorSite) -> Any:
        store, key = self._found[site]
        return store[key]

    def __iter__(self) -> Iterator[TensorSite]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, site: object) -> bool:
        return site in self._found

    def named(self, name: Callable[[TensorSite], TensorSite]) -> Values:
        """Return the same at other places."""
        return Values({name(site): where for site, where in self._found.items()})


def tensor_sites(trace: Trace) -> Values:
    """List a run's tensors in order of execution: forward, then backward from the end."""
    found: dict[TensorSite, tuple[TensorSink[Any], Any]] = {
        _forward(trace, tap): (trace.arrived, tap) for tap in trace.arrived
    }
    for path in trace.buffers:
        owner, _, name = path.rpartition(".")
        found[TensorSite("forward", owner, f"{name} after the run")] = trace.buffers, path
    owners: dict[str, list[str]] = {}
    for path in trace.parameters:
        owners.setdefault(path.rpartition(".")[0], []).append(path)
    # Gradients come in any order; a run's own order is that of its taps.
    order = {tap: number for number, tap in enumerate(trace.caller)}
    for tap in sorted(trace.gradients, key=lambda tap: order.get(tap, -1), reverse=True):
        found[_backward(trace, tap)] = trace.gradients, tap
        if tap.port == "input":
            found |= _parameters(trace, owners.pop(tap.path, []))
    for rest in owners.values():
        found |= _parameters(trace, rest)
    return Values(found)


def tap_name(tap: Tap) -> str:
    """Return what a tap is called beside its module's path."""
    label = f" {tap.label}" if tap.label not in ("", tap.port) else ""
    again = f" (call {tap.call + 1})" if tap.call else ""
    return f"{tap.port}{label}{again}"


def _forward(trace: Trace, tap: Tap) -> TensorSite:
    if tap.port == "loss":
        return TensorSite("loss", "", "loss", tap)
    if tap.port == "output" or tap.path == "":
        return TensorSite("forward", tap.path, tap_name(tap), tap)
    return TensorSite("forward", trace.caller[tap], f"{tap_name(tap)} of {tap.path}", tap)


def _backward(trace: Trace, tap: Tap) -> TensorSite:
    if tap.port == "input" or tap.path == "":
        return TensorSite("backward", tap.path, f"gradient of {tap_name(tap)}", tap)
    return TensorSite(
        "backward", trace.caller[tap], f"gradient of {tap_name(tap)} of {tap.path}", tap
    )


def _parameters(trace: Trace, paths: list[str]) -> dict[TensorSite, tuple[TensorSink[Any], Any]]:
    found: dict[TensorSite, tuple[TensorSink[Any], Any]] = {}
    for path in paths:
        owner, _, name = path.rpartition(".")
        found[TensorSite("backward", owner, f"gradient of {name}")] = trace.parameters, path
    return found
