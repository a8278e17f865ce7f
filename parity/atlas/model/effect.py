"""Measures what a differing operator does to a model, by computing it with Jittor in there."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from parity.atlas.backends import Backend, jittor_backend
from parity.atlas.calls.describing import describer_of
from parity.atlas.calls.observing import observed
from parity.atlas.calls.replacing import CannotReplace, Replacing
from parity.atlas.calls.sources import torch_source
from parity.atlas.calls.use import Use
from parity.atlas.model.recording import Reference
from parity.atlas.model.results import Effect, Impact, ModelAtlas
from parity.base.numerics import Array, distance, magnitude
from parity.errors import CannotCompare
from parity.trace.end_to_end import run_end_to_end
from parity.trace.sites import TensorSite
from parity.trace.trace import Run
from parity.trace.values import tensor_sites

Tensors = Mapping[TensorSite, Array]
NEGLIGIBLE = 1e-9  # a tensor's size relative to the largest of its kind


class EffectMeter:
    """Runs a model in float64 with one of its operators computed by Jittor.

    Args:
        reference: the model.
        jittor: runs the sources; must not end the process on them.
    """

    def __init__(self, reference: Reference, jittor: Backend) -> None:
        self._reference, self._jittor = reference, jittor
        self._plain: Tensors | None = None

    def measure(self, replaced: Mapping[str, str]) -> Effect | None:
        """Return the effect of computing some uses in Jittor.

        Args:
            replaced: PyTorch source of a use -> Jittor source.

        Returns:
            The largest relative changes; None where Jittor's results cannot take PyTorch's place,
            as those of another shape.
        """
        if self._plain is None:
            self._plain = self._run()
        adapter = self._reference.model.adapter
        replacing = Replacing(
            describer_of(adapter),
            lambda described: _sources(described.use, replaced),
            self._jittor,
        )
        try:
            with observed(adapter.modules(), replacing):
                changed = self._run()
        except (CannotReplace, CannotCompare):
            return None
        return Effect(
            outputs=_largest_change(self._plain, changed, "forward"),
            gradients=_largest_change(self._plain, changed, "backward"),
        )

    def _run(self) -> Tensors:
        pair, model, inputs, weights, seed = self._reference
        run = Run(
            inputs=inputs, weights=weights, precision="float64", training=pair.training,
            loss=pair.loss_for("torch"), seed=seed, is_watched=False, draws="shared",
        )  # fmt: skip
        sites = tensor_sites(run_end_to_end(model, run))
        return {site: np.array(sites[site]) for site in sites}


def _largest_change(plain: Tensors, changed: Tensors, phase: str) -> float:
    """Return the largest distance between tensors of a phase, relative to the largest value."""
    tensors = {site: array for site, array in plain.items() if site.phase == phase}
    # A gradient that is zero but for rounding, as of a bias before a norm, has no size.
    floor = NEGLIGIBLE * max(map(magnitude, tensors.values()), default=0.0)
    changes = [
        distance(changed[site].reshape(array.shape), array) / max(magnitude(array), floor)
        for site, array in tensors.items()
        if floor and site in changed and array.size == changed[site].size
    ]
    return max(changes, default=0.0)


def _sources(use: Use, replaced: Mapping[str, str]) -> list[str]:
    """Return the Jittor source of a use of a float64 run, if it is to be replaced."""
    source = torch_source(use).replace("torch.float64", "torch.float32")  # as it was recorded
    return [replaced[source]] if source in replaced else []


def with_effects(atlas: ModelAtlas, reference: Reference) -> ModelAtlas:
    """Return the atlas with the effect of each use that differs on the model's own values.

    Those on which Jittor raises or ends the process have none, nor have random ones.
    """
    measurable = Impact.OTHER_VALUES, Impact.OTHER_GRADIENTS
    wanted = [use for use in atlas.uses if use.impact in measurable and not use.random]
    if not wanted:
        return atlas
    meter = EffectMeter(reference, jittor_backend())
    bar = tqdm(wanted, unit="use", desc="effect on the model", file=sys.stderr, disable=None)
    effects = {use.torch: meter.measure({use.torch: use.jittor}) for use in bar}
    return replace(atlas, uses=[replace(use, effect=effects.get(use.torch)) for use in atlas.uses])
