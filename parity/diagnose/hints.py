"""A guess at what is wrong: a signature, or a setting of the reference that explains it.

Every guess is tried before it is offered: the reference is run again in float64 with one thing
changed, and only a change that gives the candidate's tensor is returned.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from parity.base.numerics import Array, is_float
from parity.compare.modules import PairRunner
from parity.diagnose.signatures import resembles, signature
from parity.errors import CannotCompare
from parity.report.wording import port_name
from parity.trace.bound_model import BoundModel
from parity.trace.sites import Tap, TensorSite
from parity.trace.trace import Trace
from parity.trace.values import tensor_sites

# (what is said if it explains the tensor, a context with the changed pair)
Changes = Iterator[tuple[str, "AbstractContextManager[PairRunner]"]]
NO = "no "  # a weight that does nothing
# How many of the tensors met before a site are compared with it.
NEARBY = 12
# Settings that ports get wrong, by the names that frameworks give them, and what they are set to.
SETTINGS: dict[str, tuple[Any, ...]] = {
    "eps": (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-12, 0.0),
    "negative_slope": (0.0, 0.01, 0.1, 0.2, 0.3),
    "alpha": (0.5, 1.0, 1.6732632423543772),
    "momentum": (0.001, 0.01, 0.1, 0.9, 0.99, 0.999),
    "approximate": ("none", "tanh"),
    "padding_mode": ("zeros", "reflect", "replicate", "circular"),
    "align_corners": (True, False),
    "mode": ("nearest", "bilinear", "bicubic", "area"),
    "ceil_mode": (True, False),
    "count_include_pad": (True, False),
    "num_groups": (1, 2, 4, 8, 16, 32),
    "dim": (-1, -2, 0, 1, 2, 3),
    "p": (0.0, 0.1, 0.2, 0.5),
}


def hint(site: TensorSite, runner: PairRunner, teacher: Trace, other: Trace) -> str:
    """Return what the candidate's tensor at a site resembles, or `""`.

    Args:
        site: where the two sides differ.
        runner: the pair, to run variants of the reference.
        teacher: the reference's isolated run in float64, under the stress input where they differ.
        other: the candidate's, fed by the teacher.
    """
    reference, candidate = tensor_sites(teacher).get(site), tensor_sites(other).get(site)
    if reference is None or candidate is None or reference.shape != candidate.shape:
        return ""
    if {reference.dtype.kind, candidate.dtype.kind} != {"f"}:
        return ""  # the signatures are those of real numbers
    reference, candidate = reference.astype(np.float64), candidate.astype(np.float64)
    if resembles(reference, candidate) or not np.isfinite(candidate).all():
        return ""
    if runner.candidate.role in runner.runs:
        explained = ""
    elif runner.reference.role in runner.runs:  # it cannot be run, so the candidate is changed
        changes = _changes_of_candidate(site, runner)
        explained = _explained(site, reference, runner.candidate, changes, teacher)
    else:
        changes = _changes(site, runner)
        explained = _explained(site, candidate, runner.reference, changes, teacher)
    return explained or signature(reference, candidate, _nearby(site, teacher))


def _nearby(site: TensorSite, trace: Trace) -> dict[str, Array]:
    """Return the tensors met just before a site, by name."""
    taps = list(trace.forced)
    if site.phase != "forward" or site.tap is None or site.tap not in trace.forced:
        return {}
    at = taps.index(site.tap)
    before = {tap: _as_used(tap, site, trace) for tap in taps[max(0, at - NEARBY) : at]}
    named = {
        f"the {port_name(t.port, t.label, t.call)} of {t.path or 'the model'}": x
        for t, x in before.items()
    }
    return {name: x.astype(np.float64) for name, x in named.items() if x.dtype.kind == "f"}


def _as_used(tap: Tap, site: TensorSite, trace: Trace) -> Array:
    """Return a tensor as the code before a site used it.

    A module's argument is replaced inside that module alone, its result everywhere.
    """
    inside = tap.path == site.path or tap.port == "output"
    return trace.forced[tap] if inside else trace.recorded[tap]


def _explained(
    site: TensorSite, target: Array, side: BoundModel, changes: Changes, teacher: Trace
) -> str:
    """Return what is said of the first change with which a side gives a tensor, or `""`."""
    for description, changed in changes:
        try:
            with changed as variant:
                tensor = tensor_sites(variant.rerun_isolated(side, teacher)).get(site)
        except CannotCompare:
            continue  # the side does not run with this change
        if tensor is not None and resembles(tensor, target):
            return description
    return ""


def _module(side: BoundModel, path: str) -> Any:
    names = {partner: own for own, partner in side.modules.items()}
    return side.adapter.modules().get(names.get(path, path))


def _changes(site: TensorSite, runner: PairRunner) -> Changes:
    """Yield changes of the reference."""
    module = _module(runner.reference, site.path)
    for name, current, value in _settings(module):
        description = f"{name} = {value!r} where the reference has {current!r} gives exactly this"
        yield description, _setting(module, name, value, runner)
    for description, changed in _weights(site, runner):
        yield f"{description} gives exactly this", changed


def _changes_of_candidate(site: TensorSite, runner: PairRunner) -> Changes:
    """Yield changes of the candidate; each undoes one that `_changes` tries on the reference."""
    recorded = _module(runner.reference, site.path)
    module = _module(runner.candidate, site.path)
    for name in SETTINGS:
        value, current = getattr(recorded, name, None), getattr(module, name, None)
        if value is not None and current is not None and value != current:
            text = f"{name} = {current!r} where the reference has {value!r} gives exactly this"
            yield text, _setting(module, name, value, runner)
    for name, current, value in _settings(module):
        text = f"{name} = {value!r} in place of {current!r} gives exactly the reference's"
        yield text, _setting(module, name, value, runner)
    for description, changed in _weights(site, runner):
        if not description.startswith(NO):
            yield f"{description} gives exactly this", changed


def _settings(module: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield settings that a module has, their values, and other ones."""
    for name, values in SETTINGS.items():
        current = getattr(module, name, None)
        for value in values:
            if type(current) in (type(value), float, int) and value != current:
                yield name, current, value


def _weights(site: TensorSite, runner: PairRunner) -> Changes:
    for path, array in runner.weights.items():
        owner, _, name = path.rpartition(".")
        if owner == site.path:
            for description, other in _other_weights(path, name, array):
                weights = {**runner.weights, path: other}
                yield description, nullcontext(replace(runner, weights=weights))


def _other_weights(path: str, name: str, array: Array) -> Iterator[tuple[str, Array]]:
    if array.ndim == 2 and array.shape[0] == array.shape[1]:
        yield f"{path} transposed", array.T.copy()
    if array.ndim > 2 and array.shape[0] == array.shape[1]:
        yield f"{path} with its first two axes swapped", array.swapaxes(0, 1).copy()
    if array.ndim > 2 and array.shape[-1] > 1:
        yield f"{path} reversed in space", np.flip(array, range(2, array.ndim)).copy()
    if is_float(array) and "bias" in name:
        yield f"{NO}{path}", np.zeros_like(array)
    if is_float(array) and array.ndim == 1 and "weight" in name:
        yield f"{NO}{path}", np.ones_like(array)


@contextmanager
def _setting(module: Any, name: str, value: Any, runner: PairRunner) -> Iterator[PairRunner]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield runner
    finally:
        setattr(module, name, before)
