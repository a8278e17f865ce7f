"""One side whose runs leave traces."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from parity.base.numerics import Precision
from parity.base.perturbation import Perturbation, PerturbResult
from parity.errors import CannotCompare, NotRecorded
from parity.limits import FLOAT32_EPSILON
from parity.nested.outputs import Structure
from parity.noise.side_runner import Values
from parity.trace.bound_model import BoundModel
from parity.trace.sites import TensorSite, parent
from parity.trace.trace import DrawsFrom, Trace
from parity.trace.values import tensor_sites

# (run) -> what it returned, or None.
WithinDomain = Callable[[Callable[[], Trace]], "Trace | None"]


class TracedRunner:
    """A `SideRunner` whose runs are traces; all but two of them keep distances only.

    Args:
        run: (precision, perturbation, baseline, source of draws) -> trace.
        model: the side.
        within_domain: makes a perturbed run, again without what raises; None where that fails.
        kept: runs that have been made already.
        rename: of the sites.
    """

    def __init__(
        self,
        run: Callable[..., Trace],
        model: BoundModel,
        within_domain: WithinDomain,
        kept: Mapping[Precision, Trace] | None = None,
        rename: Callable[[TensorSite], TensorSite] | None = None,
    ) -> None:
        self._run, self._model, self._rename = run, model, rename
        self._within_domain = within_domain
        self._kept: dict[Precision, Trace] = dict(kept or {})

    def values(self, precision: Precision) -> Values:
        """See `SideRunner`."""
        return self._renamed(self._baseline(precision))

    def distances(
        self, precision: Precision, perturbation: Perturbation | None
    ) -> Mapping[TensorSite, float]:
        """See `SideRunner`."""
        baseline = self._baseline(precision)

        def distances() -> Trace:
            return self._run(precision, perturbation, baseline)

        trace = distances() if perturbation is None else self._within_domain(distances)
        return {} if trace is None else self._renamed(trace)

    def perturbed(self, perturbation: Perturbation) -> Values:
        """See `SideRunner`."""
        return self._renamed(self._run("float64", perturbation, None))

    def draws(self) -> dict[str, Mapping[str, Sequence[int]]]:
        """Return the sizes of the random draws in float64, by place and kind."""
        sizes: dict[str, dict[str, list[int]]] = {}
        for place, draws in self._baseline("float64").draws.items():
            for draw in draws:
                known = sizes.setdefault(place, {}).setdefault(draw.source, [])
                if draw.size or not known:  # a moved generator says nothing of numbers
                    known.append(draw.size)
        return dict(sizes)

    def depends_on_draws(self, site: TensorSite) -> bool:
        """Tell whether a tensor may depend on the side's own random draws.

        It does not if it was there before the first draw of the module that it belongs to, or if
        the ends of what can be drawn leave it as it is, bit by bit.
        """
        baseline = self._baseline("float64")
        places = list(baseline.draws) if site.is_end_to_end else [site.path]
        draws = [draw for place in places for draw in baseline.draws.get(place, ())]
        tap = None if site.is_end_to_end or site.phase != "forward" else site.tap
        if tap is not None and baseline.precedes_draws(tap, site.path):
            return False
        if any(draw.source not in ("uniform", "normal") for draw in draws):
            return True
        return any(moved.get(site, math.inf) != 0 for moved in self._moved_by_draws)

    @cached_property
    def _moved_by_draws(self) -> list[Mapping[TensorSite, float]]:
        """The distance by which draws at either end of their range move each tensor; two runs."""
        ends: tuple[DrawsFrom, DrawsFrom] = ("low", "high")
        try:
            baseline = self._baseline("float64")
            return [self._renamed(self._run("float64", None, baseline, end)) for end in ends]
        except NotRecorded:
            raise
        except CannotCompare:
            return [{}]  # the model does not run there: everything may depend on them

    def epsilon(self, site: TensorSite) -> float:
        """Return that of the coarsest precision in which a float32 run computes a tensor."""
        epsilons = self._baseline("float32").epsilons
        if site.is_end_to_end:
            return max(epsilons.values(), default=FLOAT32_EPSILON)
        places = [site.path]
        while site.quantity == "parameter_gradient" and places[-1]:
            places.append(parent(places[-1]))  # code around a module may use its parameters
        return max(epsilons.get(place, FLOAT32_EPSILON) for place in places)

    def with_perturbed_operations(
        self, perturb: PerturbResult
    ) -> Mapping[TensorSite, float] | None:
        """See `SideRunner`."""
        perturbing_operations = getattr(self._model.adapter, "perturbing_operations", None)
        if perturbing_operations is None:
            return None
        baseline = self._baseline("float64")
        with perturbing_operations(perturb):
            return self._renamed(self._run("float64", None, baseline))

    def structure(self) -> Structure:
        """Return the structure of what the model returns."""
        return self._baseline("float64").structure

    def _baseline(self, precision: Precision) -> Trace:
        if precision not in self._kept:
            self._kept[precision] = self._run(precision, None, None)
        return self._kept[precision]

    def _renamed(self, trace: Trace) -> Mapping[TensorSite, Any]:
        values = tensor_sites(trace)
        return values if self._rename is None else values.renamed(self._rename)
