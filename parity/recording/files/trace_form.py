"""The tensors and notes of one run as JSON and safetensors, and back.

What follows from other entries is left out: a value that was passed on as it came, and draws of
cotangents, which the seed decides. A run on slightly changed inputs is kept as the differences of
the numbers' bits from those of the run on the unchanged ones, which takes half the space and loses
no bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from parity.base.numerics import Array, in_precision, rounded, same_bits
from parity.nested.outputs import OutputLeaf, Structure
from parity.recording.files.tensor_archive import ArchiveReader, ArchiveWriter, Source
from parity.trace.sites import Boundary, Tap, TensorSite
from parity.trace.tensor_store import TensorSink
from parity.trace.trace import Draw, Trace

# The stores of a trace whose keys are taps, and those whose keys are paths.
_BY_TAP, _BY_PATH = ("recorded", "gradients"), ("parameter_gradients", "buffers")
Base = Mapping[Any, Array]
# Share of numbers that may have changed by more than 2^31 units in the last place: gradients that
# almost cancel.
LARGE_CHANGES = 0.2


class TensorList:
    """The tensors of one member, in the order in which they are mentioned."""

    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}

    def mention(
        self, read: Callable[[], Any], read_base: Callable[[], Array | None] | None = None
    ) -> Any:
        """Return the JSON of an array or a distance; remember where the array's numbers are.

        An array is read again when it is written, so that a run need not fit into memory.

        Args:
            read: () -> the array, or the distance.
            read_base: () -> an array from which it hardly differs, or None.
        """
        value = read()
        if not isinstance(value, np.ndarray):
            return value if math.isfinite(value) else str(float(value))
        if value.dtype.kind in "US":
            return {"text": value.reshape(-1).tolist(), "shape": list(value.shape)}
        base = None if read_base is None else read_base()
        if base is not None and same_bits(value, base):
            return {"same": True}
        name = str(len(self.sources))
        entry: dict[str, Any] = {"at": name}
        if value.dtype.kind == "c":
            entry["dtype"] = value.dtype.name
        source = Source(value.dtype, value.shape, read)
        change = _change_of_bits(value, base)
        if read_base is not None and change is not None:
            source = Source(
                np.dtype(np.int32), value.shape, partial(_small_changes, read, read_base)
            )
            entry["changed"] = True
            if change.at.size:
                flat = value.reshape(-1)
                entry["large"] = self._add(change.at), self._add(flat[change.at])
        self.sources[name] = source
        return entry

    def _add(self, array: Array) -> str:
        """Remember a small array; return its name."""
        name = f"{len(self.sources)} large"
        self.sources[name] = Source.of(array)
        return name


class _Change(NamedTuple):
    """Differences of the bits of float64 numbers, read as integers.

    Attributes:
        small: int32, 0 where the difference is too large for that.
        at: int64, where it is, in the flat array.
    """

    small: Array
    at: Array


def _change_of_bits(value: Array, base: Array | None) -> _Change | None:
    """Return the change of an array; None if it is not float64 or has changed too much."""
    if base is None or not (value.dtype == base.dtype == np.float64 and value.shape == base.shape):
        return None
    bits = (np.ascontiguousarray(array).reshape(-1).view(np.int64) for array in (value, base))
    with np.errstate(over="ignore"):
        change: Array = np.subtract(*bits)
    large = (change >= 2**31) | (change < -(2**31))
    at = np.flatnonzero(large)
    if at.size > value.size * LARGE_CHANGES:
        return None
    change[at] = 0
    return _Change(change.astype(np.int32).reshape(value.shape), at)


def _small_changes(read: Callable[[], Array], read_base: Callable[[], Array | None]) -> Array:
    change = _change_of_bits(read(), read_base())
    assert change is not None
    return change.small


class TensorLookup:
    """Reads what `TensorList` has written.

    Args:
        archive: the file.
        member: with the tensors.
    """

    def __init__(self, archive: ArchiveReader, member: str) -> None:
        self._archive, self._member = archive, member

    def value(self, entry: Any, base: Callable[[], Array] | None = None) -> Any:
        """Return the array or distance of an entry."""
        if isinstance(entry, (int, float, str)):
            return float(entry)
        if "text" in entry:
            return np.asarray(entry["text"]).reshape(entry["shape"])
        if "same" in entry:
            assert base is not None
            return base()
        array = self._archive.tensor(self._member, entry["at"], entry.get("dtype", ""))
        if not entry.get("changed"):
            return array
        assert base is not None
        bits = np.ascontiguousarray(base()).reshape(-1).view(np.int64) + array.reshape(-1)
        restored: Array = bits.view(np.float64)
        if "large" in entry:
            at, values = (self._archive.tensor(self._member, name) for name in entry["large"])
            restored[at] = values
        restored = restored.reshape(array.shape)
        restored.flags.writeable = False
        return restored


class _Stored(TensorSink[Any]):
    """A store whose arrays are read from a file when they are asked for."""

    def __init__(self, read: Mapping[Any, Callable[[], Any]]) -> None:
        super().__init__()
        self._held = dict(read)

    def __setitem__(self, key: Any, array: Array) -> None:
        raise TypeError("a record is only read")

    def __getitem__(self, key: Any) -> Any:
        return self._held[key]()


def write_trace(archive: ArchiveWriter, name: str, trace: Trace, base: Trace | None) -> None:
    """Write a trace as the members `name`.json and `name`.safetensors.

    Args:
        archive: to write to.
        name: of the members.
        trace: with tensors, or with distances only.
        base: the run on unchanged inputs, where this one's are slightly changed.
    """
    tensors = TensorList()
    known = [trace.recorded, trace.forced, trace.gradients, trace.callers]
    taps = {tap: number for number, tap in enumerate(dict.fromkeys(t for s in known for t in s))}
    values: dict[str, Any] = {"taps": [list(tap) for tap in taps]}
    for field in (*_BY_TAP, *_BY_PATH):
        store, unchanged = getattr(trace, field), None if base is None else getattr(base, field)
        values[field] = [
            [
                taps[key] if field in _BY_TAP else key,
                tensors.mention(
                    partial(store.__getitem__, key),
                    None if unchanged is None else partial(unchanged.get, key),
                ),
            ]
            for key in store
        ]
    values["forced"] = [
        [
            taps[tap],
            None
            if same_bits(_passed_on(trace.recorded[tap]), trace.forced[tap])
            else tensors.mention(partial(trace.forced.__getitem__, tap)),
        ]
        for tap in trace.forced
    ]
    values["callers"] = [[taps[tap], path] for tap, path in trace.callers.items()]
    values["before"] = [[taps[tap], list(at)] for tap, at in trace.before.items()]
    values["shapes"] = [[taps[tap], list(shape)] for tap, shape in trace.shapes.items()]
    values["structure"] = _structure_values(trace.structure)
    values["outputs"] = [[o.label, o.name, o.is_tensor, list(o.shape)] for o in trace.outputs]
    values["draws"] = {place: [list(d) for d in draws] for place, draws in trace.draws.items()}
    values["taps_before_draws"] = dict(trace.taps_before_draws)
    values["epsilons"] = dict(trace.epsilons)
    archive.add_json(f"{name}.json", values)
    if tensors.sources:
        archive.add_tensors(f"{name}.safetensors", tensors.sources)


def read_trace(archive: ArchiveReader, name: str, base: Trace | None) -> Trace:
    """Return a trace whose tensors are read from the archive when they are asked for."""
    values = archive.json(f"{name}.json")
    lookup = TensorLookup(archive, f"{name}.safetensors")
    taps = [Tap(*entry) for entry in values["taps"]]

    def by_tap(entries: Iterable[Any]) -> list[tuple[Tap, Any]]:
        return [(taps[number], value) for number, value in entries]

    def store(field: str) -> _Stored:
        entries = by_tap(values[field]) if field in _BY_TAP else values[field]
        return _store(entries, lookup, None if base is None else getattr(base, field))

    recorded = store("recorded")
    forced = {
        tap: (lambda tap=tap: _passed_on(recorded[tap]))
        if entry is None
        else (lambda entry=entry: lookup.value(entry))
        for tap, entry in by_tap(values["forced"])
    }
    return Trace(
        recorded=recorded,
        gradients=store("gradients"),
        parameter_gradients=store("parameter_gradients"),
        buffers=store("buffers"),
        forced=_Stored(forced),  # type: ignore[arg-type]
        callers=dict(by_tap(values["callers"])),
        before={tap: Boundary(*at) for tap, at in by_tap(values["before"])},
        shapes={tap: tuple(shape) for tap, shape in by_tap(values["shapes"])},
        structure=_structure(values["structure"]),
        outputs=tuple(OutputLeaf(o[0], o[1], o[2], None, tuple(o[3])) for o in values["outputs"]),
        draws={place: [Draw(*d) for d in draws] for place, draws in values["draws"].items()},
        taps_before_draws=values["taps_before_draws"],
        epsilons=values["epsilons"],
    )


def _store(entries: Iterable[tuple[Any, Any]], lookup: TensorLookup, base: Base | None) -> _Stored:
    def reading(key: Any, entry: Any) -> Callable[[], Any]:
        if base is None:
            return lambda: lookup.value(entry)
        return lambda: lookup.value(entry, lambda: base[key])

    return _Stored({key: reading(key, entry) for key, entry in entries})


def _passed_on(array: Array) -> Array:
    return in_precision(rounded(array), "float32")


def _structure_values(structure: Structure) -> list[Any]:
    names = None if structure.names is None else list(structure.names)
    items = [_structure_values(item) for item in structure.items]
    return [structure.kind, items, names, structure.is_ordered]


def _structure(values: list[Any]) -> Structure:
    kind, items, names, is_ordered = values
    inside = tuple(_structure(item) for item in items)
    return Structure(kind, inside, None if names is None else tuple(names), is_ordered)


def write_values(
    archive: ArchiveWriter,
    name: str,
    values: Mapping[TensorSite, Any],
    base: Mapping[TensorSite, Array] | None,
) -> None:
    """Write tensors, or distances, by site, as the members `name`.json and `name`.safetensors."""
    tensors = TensorList()
    entries = [
        [
            [*site[:-1], None if site.tap is None else list(site.tap)],
            tensors.mention(
                partial(values.__getitem__, site), None if base is None else partial(base.get, site)
            ),
        ]
        for site in values
    ]
    archive.add_json(f"{name}.json", entries)
    if tensors.sources:
        archive.add_tensors(f"{name}.safetensors", tensors.sources)


def read_values(
    archive: ArchiveReader, name: str, base: Mapping[TensorSite, Array] | None
) -> Mapping[TensorSite, Any]:
    """Return what `write_values` wrote, read from the archive when it is asked for."""
    lookup = TensorLookup(archive, f"{name}.safetensors")
    entries = [
        (TensorSite(*[*site[:-1], None if site[-1] is None else Tap(*site[-1])]), entry)
        for site, entry in archive.json(f"{name}.json")
    ]
    return _store(entries, lookup, base)
