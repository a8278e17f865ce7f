"""Records every operator and layer that a PyTorch model uses in one run."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from parity.adapters.protocol import Adapter
from parity.atlas.calls.describing import Described, Unwritable, describer_of
from parity.atlas.calls.layers import is_layer
from parity.atlas.calls.observing import observed
from parity.atlas.calls.sources import torch_source
from parity.atlas.calls.use import Use, leaves
from parity.atlas.entry import evaluate
from parity.base.numerics import Array
from parity.base.rng import keyed
from parity.errors import CannotCompare
from parity.nested.arguments import Arguments
from parity.pair import Pair
from parity.trace.bound_model import BoundModel, randomize_constant_parameters
from parity.trace.model_building import build_alone

_HARNESS = str(Path(__file__).parents[2]) + os.sep
TOLERANCE = 1e-4  # between a use that is run again and what the model had: a wrong one is far off


class Reference(NamedTuple):
    """The PyTorch model of a pair, ready to be run.

    Attributes:
        pair: whose reference it is.
        model: bound under its own names.
        inputs: of its call.
        weights: by path; those that were constant are randomised.
        seed: of the inputs.
    """

    pair: Pair
    model: BoundModel
    inputs: Arguments
    weights: Mapping[str, Array]
    seed: int


class Recorded(NamedTuple):
    """The uses of one run of a model.

    Attributes:
        uses: one for each operator or layer, arguments and shapes; in order of their first call.
        unjudged: names of functions and layers that cannot be written as a program -> why.
    """

    uses: list[Use]
    unjudged: dict[str, str]


def reference_of(pair: Pair, *, seed: int = 0) -> Reference:
    """Build the reference of a pair, which must be a PyTorch module; nothing else of it is built.

    Raises:
        CannotCompare: it cannot be built, or is of another framework.
    """
    with _seeded(seed):  # initial weights are drawn from PyTorch's own generator
        built = build_alone(pair)
    model = built.reference
    if model.adapter.framework != "torch":
        raise CannotCompare(
            f"pair {pair.name!r}: the atlas of a model needs a reference of torch, and this one is "
            f"of {model.adapter.framework}"
        )
    weights = randomize_constant_parameters(
        built.weights, model.parameters, seed, model.low_precisions()
    )
    return Reference(pair, model, pair.draw_inputs(keyed(seed, "inputs")), weights, seed)


def record_uses(reference: Reference) -> Recorded:
    """Run a model once, forward and with its loss, and record what it uses.

    Raises:
        CannotCompare: the model raises.
    """
    pair, model = reference.pair, reference.model
    adapter = model.adapter
    recorder = Recorder(adapter)
    arrays = reference.inputs.arrays()
    tensors = {label: adapter.constant(array.copy()) for label, array in arrays.items()}
    with model.running("float32", training=pair.training), _seeded(reference.seed):
        model.load(reference.weights, "float32")
        with observed(adapter.modules(), recorder):
            outputs = model.call(reference.inputs, tensors)
            loss = pair.loss_for("torch")
            if loss is not None:
                loss(outputs)
        return recorder.verified()


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed PyTorch's generator of the CPU; put it back afterwards."""
    torch = importlib.import_module("torch")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


class Recorder:
    """Keeps the uses of a model while it runs; an `Observer`.

    Args:
        adapter: of the model.
    """

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._torch = importlib.import_module("torch")
        self._paths = {id(module): path for path, module in adapter.modules().items()}
        self._describer = describer_of(adapter)
        self._entered: list[tuple[Any, Any]] = []  # (module, key of its use), outermost first
        self._uses: dict[Any, Use] = {}
        self._expected: dict[Any, list[Array]] = {}
        self._unjudged: dict[str, str] = {}

    def function_called(
        self, name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """See `Observer`; what makes or changes no tensor is no use."""
        described = None
        try:
            described = self._describer.function(name, function, args, kwargs)
            new_inputs = self._new_inputs(described)
        except Unwritable as error:
            if str(error):
                self._unjudged.setdefault(name, str(error))
        result = function(*args, **kwargs)
        if described is None:
            return result
        changed = args[0] if described.use.in_place else result
        if self._tensors(changed):
            module = self._entered[-1][0] if self._entered else None
            self._keep(described, new_inputs, module)
            self._expect(_key(described), changed)
        return result

    def entered(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """See `Observer`."""
        key = None
        if is_layer(module):
            try:
                described = self._describer.layer(module, args, kwargs)
                key = self._keep(described, self._new_inputs(described), module)
            except Unwritable as error:
                self._unjudged.setdefault(f"torch.nn.{type(module).__name__}", str(error))
        self._entered.append((module, key))

    def left(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """See `Observer`."""
        _, key = self._entered.pop()
        if key is not None:
            self._expect(key, result)

    def _new_inputs(self, described: Described) -> dict[str, Array]:
        """Return copies of a call's tensors as they are before it; nothing for a known use."""
        if _key(described) in self._uses:
            return {}
        return {name: _array(tensor) for name, tensor in described.tensors.items()}

    def _keep(self, described: Described, inputs: dict[str, Array], module: Any) -> Any:
        """Note a call of a use, and where it stands; return its key."""
        key = _key(described)
        use = self._uses.setdefault(key, described.use)
        use.inputs = use.inputs or inputs
        use.calls += 1
        place = self._paths.get(id(module), "")
        if place not in use.places:
            use.places.append(place)
        around = [m for m, _ in self._entered if is_layer(m)]
        use.contexts.add(tuple(f"torch.nn.{type(m).__name__}" for m in around))
        line = _users_line(sys._getframe(1))
        if line and line not in use.lines:
            use.lines.append(line)
        return key

    def _expect(self, key: Any, result: Any) -> None:
        if key not in self._expected:
            self._expected[key] = self._arrays(result)
            self._uses[key].outputs = len(self._expected[key])
            self._uses[key].is_nested = not isinstance(result, self._torch.Tensor)

    def _tensors(self, value: Any) -> list[Any]:
        return [leaf for leaf in leaves(value) if isinstance(leaf, self._torch.Tensor)]

    def _arrays(self, value: Any) -> list[Array]:
        return [_array(tensor) for tensor in self._tensors(value)]

    def verified(self) -> Recorded:
        """Return the uses whose program, run again, gives what the model had."""
        uses = []
        for key, use in self._uses.items():
            problem = "" if use.unbuilt else self._problem(use, self._expected.get(key, []))
            if problem:
                self._unjudged.setdefault(use.name, problem)
            else:
                uses.append(use)
        return Recorded(uses, self._unjudged)

    def _problem(self, use: Use, expected: list[Array]) -> str:
        """Return why a use cannot be run again; note whether it is random."""
        try:
            first, second = self._again(use), self._again(use)
        except Exception as error:  # whatever the function raises
            return f"cannot be run again: {' '.join(str(error).split()):.80}"
        use.random = not all(map(_same, first, second))
        if use.random:
            return ""
        same = len(first) >= len(expected) and all(map(_same, first, expected))
        return "" if same else "depends on more than its arguments, or on their low precision"

    def _again(self, use: Use) -> list[Array]:
        tensors = {name: self._adapter.constant(a.copy()) for name, a in use.inputs.items()}
        names = {"torch": self._torch, "F": self._torch.nn.functional, "np": np}
        return self._arrays(evaluate(torch_source(use), {**names, **tensors}))


def _key(described: Described) -> Any:
    """Return what calls of the same use have in common: source, shapes and dtypes."""
    use = described.use
    if use.unbuilt:
        return (use.name,)
    shapes = ((n, tuple(t.shape), str(t.dtype)) for n, t in described.tensors.items())
    return (torch_source(use), *shapes)


def _array(tensor: Any) -> Array:
    """Return a copy of a tensor's values; float32 for lower precisions."""
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    if tensor.is_floating_point() and tensor.element_size() < 4:
        tensor = tensor.float()
    array: Array = tensor.numpy().copy()
    return array


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and np.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)


def _users_line(frame: FrameType | None) -> str:
    """Return file and line of the innermost frame outside of packages, or nothing."""
    while frame is not None:
        path = frame.f_code.co_filename
        if "site-packages" not in path and not path.startswith((_HARNESS, "<")):
            shown = os.path.relpath(path)
            return f"{Path(path).name if shown.startswith('..') else shown}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
