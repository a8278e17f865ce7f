"""Two faults at once, which must be caught at the one met first; and one fault on both sides.

The two faults are on one side or one on each. A fault that both sides share is no difference, and
no comparison of two sides can see it: that is for the tests of each side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from audit.case import MUTANTS, Base, Mutant, Rewrite
from audit.correct_pairs import (
    ATTENTION,
    RESIDUAL,
    SAMPLING,
    TIME,
    TRAINING,
    UNET,
    PairBase,
    TrajectoryBase,
)
from audit.evaluate import record
from audit.layer_zoo import LAYERS

Editable = PairBase | TrajectoryBase
Job = tuple[str, Callable[[], dict[str, Any]]]
# The base of both, and the names of two mutants, first the one that is met first.
DOUBLES: tuple[tuple[Editable, str, str], ...] = (
    # One on each side.
    (RESIDUAL, "epsilon left at pytorchs default", "epsilon left at jittors default"),
    (RESIDUAL, "reflected border", "replicated border"),
    (RESIDUAL, "unbiased group variance", "epsilon outside the root"),
    (RESIDUAL, "dilated in jittor", "operands in tf32"),
    (RESIDUAL, "unbiased group variance in jittor", "dilated"),
    (RESIDUAL, "rounded to eight bits", "shift not applied"),
    (
        RESIDUAL,
        "gradient a thousandth too small",
        "gradient a thousandth too small in jittor",
    ),
    (LAYERS, "groups in another order", "square weight transposed in jittor"),
    (LAYERS, "slope left at the default", "nearest for bilinear"),
    (LAYERS, "corners aligned in jittor", "tanh for erf"),
    (LAYERS, "heads innermost in jittor", "sigmoid for erf"),
    (LAYERS, "layer norm with epsilon 1e 6", "heads innermost"),
    (LAYERS, "slope of another library", "layer norm of another library"),
    (LAYERS, "tanh for erf", "one nan in jittor"),
    (TIME, "cosine first", "timestep off by one in jittor"),
    (ATTENTION, "no scale", "no residual"),
    (TRAINING, "range 0 to 1", "epsilon hat"),
    (TRAINING, "beta1 of gans", "epsilon of tensorflow"),
    (TRAINING, "clipped harder", "decay warmed up"),
    (TRAINING, "warm up off by one", "decay and its complement exchanged"),
    (TRAINING, "summed for averaged", "averaged before the step in jittor"),
    (SAMPLING, "other variance", "posterior coefficients exchanged"),
    # Two on one side.
    (RESIDUAL, "other number of groups", "kernel flipped"),
    (RESIDUAL, "clamped at 65504", "one nan"),
    (RESIDUAL, "by way of float16", "gradient a thousandth too small"),
    (RESIDUAL, "scale not applied", "kernel height for width"),
    (UNET, "timestep off by one", "values transposed"),
    (UNET, "bias forgotten", "epsilon of one attention"),
    (UNET, "no residual in the middle", "epsilon of one attention"),
    (UNET, "by way of bfloat16", "weight without gradient"),
)
# A mutant that exists on both sides, injected into PyTorch's and Jittor's.
TWINS: tuple[tuple[Editable, str], ...] = (
    (TIME, "cosine first"),
    (LAYERS, "tanh for erf"),
    (LAYERS, "corners aligned"),
    (LAYERS, "heads innermost"),
    (LAYERS, "square weight transposed"),
    (TRAINING, "alpha for alpha bar"),
    (TRAINING, "other stream"),
    (TRAINING, "averaged before the step"),
)


def named(base: Base, name: str) -> Mutant:
    """Return the mutant of a base by its name.

    Raises:
        ValueError: there is none, or more than one.
    """
    (mutant,) = [m for m in MUTANTS if m.base is base and m.name == name]
    return mutant


def doubles() -> Iterator[Mutant]:
    """List pairs of mutants as one mutant, to be found where the first of them was injected."""
    for base, first, second in DOUBLES:
        a, b = named(base, first), named(base, second)
        name, text = f"{a.name}, {b.name}", f"{a.side}: {a.text} {b.side}: {b.text}"
        yield replace(a, name=name, text=text, base=_edited(base, b))


def twins() -> Iterator[Rewrite]:
    """List mutants that are injected into both sides as rewrites, which must pass."""
    for base, name in TWINS:
        a, b = named(base, name), named(base, f"{name} in jittor")
        yield Rewrite(
            kind=a.kind, name=f"{a.name}, on both sides", text=a.text, base=_edited(base, b),
            side=a.side, edit=a.edit,
        )  # fmt: skip


def _edited(base: Editable, mutant: Mutant) -> Editable:
    if isinstance(base, PairBase):
        return PairBase(base.edited(mutant.side, mutant.edit))
    return TrajectoryBase(base.edited(mutant.side, mutant.edit))


def jobs() -> Iterator[Job]:
    """List the cases as jobs of an audit; their sets are `double` and `twin`."""
    for double in doubles():
        yield f"double/{double.kind}/{double.name}", partial(_record, "double", double)
    for twin in twins():
        yield f"twin/{twin.kind}/{twin.name}", partial(_record, "twin", twin)


def _record(name: str, case: Mutant | Rewrite) -> dict[str, Any]:
    return {**record(case), "set": name}
