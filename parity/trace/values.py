"""The tensors of a run, as one ordered mapping from site to array."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from parity.trace.sites import Tap, TensorSite, of_parameter, parent
from parity.trace.tensor_store import TensorSink
from parity.trace.trace import Trace


class Values(Mapping[TensorSite, Any]):
    """The tensors of a trace by site, read from it when asked for.

    Distances instead of arrays, where the trace keeps no more.
    """

    def __init__(self, stored: Mapping[TensorSite, tuple[TensorSink[Any], Any]]) -> None:
        self._stored = stored

    def __getitem__(self, site: TensorSite) -> Any:
        store, key = self._stored[site]
        return store[key]

    def __iter__(self) -> Iterator[TensorSite]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    def __contains__(self, site: object) -> bool:
        return site in self._stored

    def renamed(self, rename: Callable[[TensorSite], TensorSite]) -> Values:
        """Return the same tensors at other sites."""
        return Values({rename(site): where for site, where in self._stored.items()})


def tensor_sites(trace: Trace) -> Values:
    """List a run's tensors in order of execution: forward, then backward from the end."""
    stored: dict[TensorSite, tuple[TensorSink[Any], Any]] = {
        forward_site(trace, tap): (trace.recorded, tap) for tap in trace.recorded
    }
    for path in trace.buffers:
        stored[of_parameter("forward", path, "buffer")] = trace.buffers, path
    by_owner: dict[str, list[str]] = {}
    for path in trace.parameter_gradients:
        by_owner.setdefault(parent(path), []).append(path)
    # Gradients come in any order; a run's own order is that of its taps.
    order = {tap: number for number, tap in enumerate(trace.callers)}
    for tap in sorted(trace.gradients, key=lambda tap: order.get(tap, -1), reverse=True):
        stored[_backward(trace, tap)] = trace.gradients, tap
        if tap.port == "input":
            stored |= _parameter_gradients(trace, by_owner.pop(tap.path, []))
    for rest in by_owner.values():
        stored |= _parameter_gradients(trace, rest)
    return Values(stored)


def end_to_end(site: TensorSite) -> TensorSite:
    """Return the site of the same tensor in an end-to-end run, for which the model answers."""
    return site._replace(path="", scope="end_to_end")


def forward_site(trace: Trace, tap: Tap) -> TensorSite:
    """Return the site of the tensor that a run has at a tap."""
    if tap.port == "loss":
        return TensorSite("loss", "", "loss", tap=tap)
    path = tap.path if tap.port == "output" or tap.path == "" else trace.callers[tap]
    return TensorSite("forward", path, tap.port, tap.label, tap.path, tap.call, tap=tap)


def _backward(trace: Trace, tap: Tap) -> TensorSite:
    path = tap.path if tap.port == "input" or tap.path == "" else trace.callers[tap]
    quantity = "input_gradient" if tap.port == "input" else "output_gradient"
    return TensorSite("backward", path, quantity, tap.label, tap.path, tap.call, tap=tap)  # type: ignore[arg-type]


def _parameter_gradients(
    trace: Trace, paths: list[str]
) -> dict[TensorSite, tuple[TensorSink[Any], Any]]:
    return {
        of_parameter("backward", path, "parameter_gradient"): (trace.parameter_gradients, path)
        for path in paths
    }
