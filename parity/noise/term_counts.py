"""An upper bound of the number of terms summed into an element of a tensor, by module.

Float32's rounding of a sum grows with the root of their number (Higham, Accuracy and Stability of
Numerical Algorithms, chapter 4), and one-ulp perturbations of the terms average out instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from parity.base.numerics import Array
from parity.trace.sites import TensorSite, parent

TermCount = Callable[[TensorSite], float]


def one(site: TensorSite) -> float:
    """Return 1: nothing is known of sums."""
    return 1.0


def of_modules(values: Callable[[], Mapping[TensorSite, Array]]) -> TermCount:
    """Return the size of the largest tensor that a site's module has to do with.

    Args:
        values: () -> a run's tensors by site; called when the first number is asked for.
    """
    largest: dict[str, float] = {}

    def count(site: TensorSite) -> float:
        if not largest:
            _fill(largest, values())
        return max(largest.get(site.path, 1.0), largest.get(site.owner, 1.0))

    return count


def _fill(largest: dict[str, float], values: Mapping[TensorSite, Array]) -> None:
    for site, array in values.items():
        # What enters and leaves a module is summed in it, and in its caller.
        for path in {site.path, site.owner, parent(site.owner)}:
            largest[path] = max(largest.get(path, 1.0), float(array.size))
