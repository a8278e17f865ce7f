"""Measures what a differing operator does to a model, by computing it with Jittor in there."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from tqdm import tqdm

from parity.atlas.backends import Backend, jittor_backend
from parity.atlas.finding import ComparedTensor
from parity.atlas.model.describing import Described, Unwritable
from parity.atlas.model.layers import is_layer
from parity.atlas.model.observing import observed
from parity.atlas.model.recording import Reference, describer_of
from parity.atlas.model.results import Effect, Impact, ModelAtlas
from parity.atlas.model.sources import torch_source
from parity.base.numerics import Array, distance, magnitude
from parity.errors import CannotCompare
from parity.trace.end_to_end import run_end_to_end
from parity.trace.sites import TensorSite
from parity.trace.trace import Run
from parity.trace.values import tensor_sites

Tensors = Mapping[TensorSite, Array]


NEGLIGIBLE = 1e-9  # a tensor's size relative to the largest of its kind


class CannotReplace(Exception):  # noqa: N818 - turned into "not measured"
    """Jittor's result cannot take the place of PyTorch's."""


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
        replacing = _Replacing(self._reference, replaced, self._jittor)
        try:
            with observed(self._reference.model.adapter.modules(), replacing):
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


class _Replacing:
    """Computes some uses of a model in Jittor; an `Observer`."""

    def __init__(self, reference: Reference, replaced: Mapping[str, str], jittor: Backend) -> None:
        self._describer = describer_of(reference.model.adapter)
        self._replaced, self._jittor = replaced, jittor
        self._torch = importlib.import_module("torch")
        self._layers = 0  # that are replaced and being called

    def function_called(
        self, name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """See `Observer`."""
        result = function(*args, **kwargs)
        try:
            described = self._describer.function(name, function, args, kwargs)
        except Unwritable:
            return result
        if described.use.in_place or self._source(described) is None:
            return result
        return self._computed(described, result)

    def entered(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """See `Observer`."""

    def left(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
        """See `Observer`."""
        if not is_layer(module):
            return None
        try:
            described = self._describer.layer(module, args, kwargs)
        except Unwritable:
            return None
        if described.use.unbuilt or self._source(described) is None:
            return None
        return self._computed(described, result)

    def _source(self, described: Described) -> str | None:
        return self._replaced.get(_in_float32(torch_source(described.use)))

    def _computed(self, described: Described, result: Any) -> Any:
        """Return Jittor's result in the structure of PyTorch's."""
        source = self._source(described)
        assert source is not None
        names = [n for n, t in described.tensors.items() if t.is_floating_point()]
        constants = {
            name: tensor.detach().numpy()
            for name, tensor in described.tensors.items()
            if name not in names
        }
        outputs = iter(
            _in_jittor(self._torch, self._jittor, source, names, constants)(
                *(described.tensors[name] for name in names)
            )
        )
        return self._placed(result, outputs)

    def _placed(self, result: Any, outputs: Any) -> Any:
        if isinstance(result, self._torch.Tensor):
            output = next(outputs, None)
            if output is None or output.shape != result.shape:
                raise CannotReplace
            return output
        if isinstance(result, (list, tuple)):
            items = [self._placed(item, outputs) for item in result]
            is_named = hasattr(result, "_fields") or type(result) not in (list, tuple)
            return type(result)(items) if is_named or isinstance(result, list) else tuple(items)
        return result


def _in_float32(source: str) -> str:
    """Return a source of a float64 run as it was recorded."""
    return source.replace("torch.float64", "torch.float32")


def _in_jittor(
    torch: Any, jittor: Backend, source: str, names: Sequence[str], constants: Mapping[str, Array]
) -> Any:
    """Return a differentiable function of PyTorch that Jittor computes."""

    def run(arrays: Sequence[Array], cotangents: Sequence[Array] | None) -> Mapping[Any, Array]:
        inputs = {**constants, **dict(zip(names, arrays, strict=True))}
        outcome = jittor.run(
            source, inputs, "float64", gradient=cotangents is not None, cotangents=cotangents
        )
        if outcome.exception:
            raise CannotReplace
        return outcome.arrays

    class InJittor(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Any) -> Any:
            ctx.save_for_backward(*tensors)
            arrays = run([t.detach().numpy().copy() for t in tensors], None)
            return tuple(torch.from_numpy(np.array(array)) for array in arrays.values())

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            tensors = [t.detach().numpy().copy() for t in ctx.saved_tensors]
            arrays = run(tensors, [g.numpy() for g in gradients])
            return tuple(
                torch.from_numpy(arrays[ComparedTensor("gradient", name)]) for name in names
            )

    return InJittor.apply


def with_effects(atlas: ModelAtlas, reference: Reference) -> ModelAtlas:
    """Return the atlas with the effect of each use that differs on the model's own values.

    Those on which Jittor raises or ends the process have none, nor have random ones.
    """
    measurable = Impact.OTHER_VALUES, Impact.OTHER_GRADIENTS
    wanted = [use for use in atlas.uses if use.impact in measurable and not use.random]
    if not wanted:
        return atlas
    meter = EffectMeter(reference, jittor_backend())
    bar = tqdm(wanted, unit="use", desc="effect on the model", file=sys.stderr)
    effects = {use.torch: meter.measure({use.torch: use.jittor}) for use in bar}
    return replace(atlas, uses=[replace(use, effect=effects.get(use.torch)) for use in atlas.uses])
