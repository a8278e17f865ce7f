"""Magnitude of the terms that are summed into a gradient.

Some gradients are zero in exact arithmetic, the one with respect to the bias of attention's keys
for example. What is left of them is rounding, relative to the terms that cancel and not to the
result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from parity.base.numerics import Array, finite, is_float, magnitude
from parity.limits import FLOAT32_EPSILON
from parity.trace.sites import Tap, TensorSite, parent

CancellationScale = Callable[[TensorSite], float]


def none(site: TensorSite) -> float:
    """Return 0: a tensor's own size is the scale of its rounding."""
    return 0.0


def of_modules(
    values: Mapping[TensorSite, Array], cotangent: float, passed_on: Mapping[Tap, Array]
) -> CancellationScale:
    """Return how large gradients may grow inside the module of a site.

    The largest gradient seen at a module's taps, times the square of the largest value there: in
    attention a gradient is multiplied by the values and then by the queries before softmax may
    reduce it to nothing, and what is left then is rounding of the product.

    Args:
        values: a run's tensors by site.
        cotangent: magnitude of the cotangents that the run put in at every tap. The gradient of a
            saturated function is rounding of these, and none may be seen at its taps.
        passed_on: what a tap passed on, where that is not what reached it.
    """
    tapped = {site.tap.path for site in values if site.tap is not None}
    gradients: dict[str, float] = {}
    sizes: dict[str, float] = {}
    for site, array in values.items():
        if site.phase == "backward":
            path = _innermost(site.path, tapped)
            gradients[path] = max(gradients.get(path, cotangent), _size(array))
        elif site.tap is not None:
            size = _size(passed_on.get(site.tap, array))
            for path in {site.path, parent(site.path)}:
                sizes[path] = max(sizes.get(path, 1.0), size)
    scales = {path: gradients[path] * sizes.get(path, 1.0) ** 2 for path in gradients}

    def scale(site: TensorSite) -> float:
        return scales[_innermost(site.path, tapped)] if site.phase == "backward" else 0.0

    return scale


def of_groups(values: Mapping[TensorSite, Array]) -> CancellationScale:
    """Return the largest magnitude of one group of state in a site's module.

    The first moment of an attention's key bias is zero in exact arithmetic; what is left of it is
    rounding of the terms in the moment of the key's weight. Where attention has a single pixel, all
    of query's and key's moments are zero, and what is left is rounding of the terms in the value's.
    So where a module has less than an ulp of its siblings, the scale is the largest of theirs.
    """
    inside: dict[tuple[str, str], float] = {}
    beside: dict[tuple[str, str], float] = {}
    for site, array in values.items():
        for scales, path in ((inside, site.path), (beside, parent(site.path))):
            key = path, _group(site)
            scales[key] = max(scales.get(key, 0.0), _size(array))

    def scale(site: TensorSite) -> float:
        module = inside.get((site.path, _group(site)), 0.0)
        siblings = beside.get((parent(site.path), _group(site)), 0.0)
        return module if module > FLOAT32_EPSILON * siblings else siblings

    return scale


def _group(site: TensorSite) -> str:
    return site.group or site.label


def _innermost(path: str, tapped: Collection[str]) -> str:
    """Return the innermost tapped module that contains a path, `""` for the model itself."""
    while path and path not in tapped:
        path = parent(path)
    return path


def _size(array: Array) -> float:
    return finite(magnitude(array)) if is_float(array) else 0.0
