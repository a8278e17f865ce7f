"""Random draws and lost precision of a run, by the module whose code has them.

No draw may decide silently. The adapter asks at every draw of its framework; draws that it does not
see, of NumPy and of Python too, move a generator's state, which is compared at every boundary of a
module. With `Pair(random="shared")` the numbers come from here, by seed, module, family and count,
so both sides get the same ones whatever their frameworks call the draw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from parity.adapters.protocol import Adapter, Family, Tensor
from parity.base.numerics import LOW_EPSILON, Array, LowPrecision
from parity.base.random_streams import (
    GlobalGenerator,
    global_generators,
    named_streams,
    numpy_draws_in_float32,
)
from parity.base.rng import keyed
from parity.trace.bound_model import BoundModel
from parity.trace.sites import parent
from parity.trace.trace import Draw, DrawsFrom, Run, Source, Trace


class RunObserver:
    """Fills a trace's `draws` and `epsilons` while its side runs.

    Args:
        model: the side.
        run: its settings.
        trace: to fill.
        place: () -> reference path of the module that runs.
    """

    def __init__(self, model: BoundModel, run: Run, trace: Trace, place: Callable[[], str]) -> None:
        self._adapter, self._run, self._trace, self._place = model.adapter, run, trace, place
        self._low = model.low_precisions()
        self._draws = _RandomDraws(
            model, run.seed, source=run.draws, place=place, note=trace.note_draw
        )
        self.looking_before = self._draws.looking_before if run.is_watched else _as_it_is

    @contextmanager
    def during_run(self) -> Iterator[None]:
        """Observe the block, in which the module is called."""
        observing = getattr(self._adapter, "observing_precision", None)
        with ExitStack() as stack:
            if self._run.is_watched and observing is not None and self._run.precision == "float32":
                for path, low in self._low.items():
                    self.note_epsilon(LOW_EPSILON[low], parent(path))
                stack.enter_context(observing(self._note_here))
            stack.enter_context(self._draws.during_run(is_watched=self._run.is_watched))
            yield

    def dropout_numbers(self, shape: tuple[int, ...]) -> Array | None:
        """Return the uniform numbers of a dropout that counts as a draw of the model's own.

        It does in evaluation mode, where dropout belongs off; else, and where draws are not shared,
        None: the caller draws.
        """
        return None if self._run.training else self._draws.numbers("uniform", shape)

    def note_epsilon(self, epsilon: float, *places: str) -> None:
        """Note that modules compute in a precision of this epsilon."""
        for place in places:
            known = self._trace.epsilons.get(place, 0.0)
            self._trace.epsilons[place] = max(known, epsilon)

    def _note_here(self, epsilon: float) -> None:
        self.note_epsilon(epsilon, self._place())


def _as_it_is(hook: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    return hook


class _RandomDraws:
    """The draws of one run.

    Args:
        model: the side that runs.
        seed: of the run.
        source: where the numbers come from.
        place: () -> reference path of the module that runs.
        note: called with the place of each draw, and the draw.
    """

    def __init__(
        self,
        model: BoundModel,
        seed: int,
        *,
        source: DrawsFrom,
        place: Callable[[], str],
        note: Callable[[str, Draw], None],
    ) -> None:
        adapter = model.adapter
        self._adapter, self._seed, self._source = adapter, seed, source
        self._role = model.role
        self._place, self._note = place, note
        self._counts: Counter[tuple[str, Family]] = Counter()
        self._counted = False  # since the generators were looked at
        self._generators: dict[Source, GlobalGenerator] = {}
        self._generators.update(global_generators().items())
        if hasattr(adapter, "generator"):
            self._generators["generator"] = adapter.generator()
        self._states: dict[Source, Any] = {}
        self._starts: Counter[Source] = Counter()

    def numbers(self, family: Family, shape: tuple[int, ...]) -> Array | None:
        """Count a draw; return its float32 numbers, or None if the framework is to draw."""
        place = self._place()
        self._note(place, Draw(family, int(np.prod(shape))))
        self._counted = True
        if self._source == "own" or family == "other":
            return None
        if self._source != "shared":
            return _end_of_range(family, shape, high=self._source == "high")
        self._counts[place, family] += 1
        rng = keyed(self._seed, "draw", place, family, self._counts[place, family])
        if family == "normal":
            return np.asarray(rng.standard_normal(shape, np.float32))
        return np.asarray(rng.random(shape, np.float32))

    @contextmanager
    def during_run(self, *, is_watched: bool) -> Iterator[None]:
        """Ask at every draw inside the block, and open the run's named streams."""
        random_from = getattr(self._adapter, "random_from", None)
        with ExitStack() as stack:
            stack.enter_context(named_streams(self._seed))
            if self._source == "shared":
                stack.enter_context(numpy_draws_in_float32())
            if is_watched and random_from is not None:
                stack.enter_context(random_from(self.numbers))
            for source, generator in self._generators.items():
                stack.callback(generator.put_back, generator.state())
                self._restart(source)
            yield
            if is_watched:
                self.look()

    def looking_before(self, hook: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
        """Return a hook that looks at the generators first, see `Adapter.hooked`."""

        def looking(own_path: str, value: Any) -> Any:
            self.look()
            return hook(own_path, value)

        return looking

    def look(self) -> None:
        """Note the generators whose state has moved without a draw that was asked for."""
        for source, generator in self._generators.items():
            if generator.state() == self._states[source]:
                continue
            if source != "generator" or not self._counted:
                self._note(self._place(), Draw(source, 0))
            self._restart(source)
        self._counted = False

    def _restart(self, source: Source) -> None:
        """Start a generator anew: who seeds one in a model moves it to the same state each time."""
        self._starts[source] += 1
        # Each side has numbers of its own unless they are shared: equal ones are no agreement.
        key = "shared" if self._source == "shared" else self._role
        rng = keyed(self._seed, "generator", source, key, self._starts[source])
        self._generators[source].start_from(int(rng.integers(2**32)))
        self._states[source] = self._generators[source].state()


def _end_of_range(family: Family, shape: tuple[int, ...], *, high: bool) -> Array:
    """Return numbers near an end of what can be drawn, in ascending or descending order.

    So every threshold, every rounding to integers and every order comes out differently at the two
    ends.
    """
    steps = (np.arange(int(np.prod(shape))) % 2**16).reshape(shape)
    if family == "normal":
        numbers = 4 - steps * 2.0**-20 if high else steps * 2.0**-20 - 4
    else:
        numbers = 1 - (steps + 1) * 2.0**-24 if high else steps * 2.0**-24
    return np.asarray(numbers, np.float32)


class ModuleStack:
    """The module that runs, where nothing is recorded: `""` unless it is followed.

    Args:
        model: the side.
    """

    def __init__(self, model: BoundModel) -> None:
        self._model = model
        self._stack: list[str] = []

    def current(self) -> str:
        """Return the reference path of the innermost module that both sides have."""
        return self._stack[-1] if self._stack else ""

    @contextmanager
    def followed(self, observer: RunObserver) -> Iterator[None]:
        """Follow the calls of modules inside the block; their tensors stay as they are."""

        def enter(own_path: str, arguments: dict[str, Any]) -> dict[str, Any]:
            path = self._model.modules.get(own_path)
            if path is not None:
                self._stack.append(path)
            return arguments

        def leave(own_path: str, result: Any) -> Any:
            if own_path in self._model.modules:
                self._stack.pop()
            return result

        looking = observer.looking_before
        with self._model.adapter.hooked(looking(enter), looking(leave)):
            yield


def low_precision_of(adapter: Adapter, tensor: Tensor) -> LowPrecision | None:
    """Return the precision of a tensor that is lower than float32, or None."""
    of_adapter = getattr(adapter, "low_precision_of", None)
    low: LowPrecision | None = None if of_adapter is None else of_adapter(tensor)
    return low


def as_precise_as(adapter: Adapter, tensor: Tensor, other: Tensor) -> Tensor:
    """Return a tensor, cast to the precision of another one if that is a low one."""
    if low_precision_of(adapter, other) is None:
        return tensor
    return adapter.as_precise_as(tensor, other)
