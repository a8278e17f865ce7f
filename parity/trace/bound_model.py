"""One side of a pair, addressed by the reference's names."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from parity.base.numerics import Array, LowPrecision, Precision, in_precision, is_float, rounded_to
from parity.base.rng import keyed
from parity.errors import CannotCompare, RaisedInLoss, RaisedInModule, SideRaised
from parity.nested.arguments import Arguments, SideNames
from parity.nested.outputs import OutputNames
from parity.trace.sites import Tap

if TYPE_CHECKING:
    from parity.adapters.protocol import Adapter, Tensor
    from parity.weights.weight_map import WeightMap

Role = Literal["reference", "candidate"]


@dataclass(frozen=True)
class BoundModel:
    """A module, its adapter, and its names in the reference.

    Attributes:
        role: the side of the pair.
        adapter: of the module.
        modules: own module path -> reference path, of the modules that both sides have.
        parameters: reference path -> own path.
        buffers: likewise.
        arguments: the side's own names of the arguments.
        outputs: names of what the model returns; None where they are not known yet.
        unpaired: taps of tensors that only this side gives to a module; nothing is done there.
        weight_map: for the parameters that are functions of the reference's.
    """

    role: Role
    adapter: Adapter
    modules: Mapping[str, str]
    parameters: Mapping[str, str]
    buffers: Mapping[str, str]
    arguments: SideNames = field(default_factory=SideNames)
    outputs: OutputNames | None = None
    unpaired: frozenset[Tap] = frozenset()
    weight_map: WeightMap | None = None

    def size(self) -> int:
        """Return the number of elements of all its parameters."""
        return sum(math.prod(tensor.shape) for tensor in self.adapter.parameters().values())

    def parameter_paths(self) -> list[str]:
        """Return the reference paths of all parameters that are compared."""
        mapped = [] if self.weight_map is None else self.weight_map.paths
        return [*self.parameters, *mapped]

    def own_parameters(self) -> dict[str, Tensor]:
        """Return this side's tensors of `parameters`, and those of the map, by own path."""
        tensors = self.adapter.parameters() | self.adapter.buffers()
        mapped = [] if self.weight_map is None else self.weight_map.names
        return {name: tensors[name] for name in [*self.parameters.values(), *mapped]}

    def by_reference_path(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Return arrays of parameters, given by own path, by the reference's."""
        found = {path: arrays[name] for path, name in self.parameters.items() if name in arrays}
        if self.weight_map is not None:
            found |= self.weight_map.to_reference(
                {name: arrays[name] for name in self.weight_map.names}
            )
        return found

    def by_own_path(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Return arrays of parameters and buffers, given by the reference's path, by own path.

        Those that this side does not have are left out.
        """
        names = {**self.parameters, **self.buffers}
        found = {names[path]: array for path, array in arrays.items() if path in names}
        if self.weight_map is not None:
            found |= self.weight_map.to_candidate(arrays)
        return found

    def call(self, arguments: Arguments, tensors: Mapping[str, Tensor]) -> Any:
        """Call the module with tensors in place of the arrays of its arguments.

        Args:
            arguments: as the user gave them.
            tensors: by label.
        """
        as_input = getattr(self.adapter, "as_input", None)
        if as_input is not None:
            tensors = {label: as_input(tensor) for label, tensor in tensors.items()}
        positional, keywords = arguments.filled(tensors)
        positional, own = self.arguments.passed(positional, keywords)
        return self.adapter.call(own, positional) if positional else self.adapter.call(own)

    def load(
        self,
        weights: Mapping[str, Array],
        precision: Precision,
        prepare: Callable[[Array, str], Array] | None = None,
    ) -> None:
        """Set parameters and buffers to copies of arrays.

        Args:
            weights: by reference path; those that this side does not have are left out.
            precision: dtype of the copies of floats, if there is no `prepare`.
            prepare: (array, name) -> copy, in place of a plain copy.
        """

        def copied(value: Array, name: str) -> Array:
            if prepare is not None:
                return prepare(value, name)
            return in_precision(value, precision)

        known = {*self.parameters, *self.buffers, *self.parameter_paths()}
        self.adapter.assign(
            self.by_own_path(
                {p: copied(value, f"weight {p}") for p, value in weights.items() if p in known}
            )
        )

    def low_precisions(self) -> dict[str, LowPrecision]:
        """Return the precision of tensors that are kept lower than float32, by reference path."""
        of_adapter: Mapping[str, LowPrecision] = getattr(self.adapter, "low_precisions", dict)()
        names = {**self.parameters, **self.buffers}
        return {path: of_adapter[own] for path, own in names.items() if own in of_adapter}

    def low_arrays(self, inputs: Iterable[str]) -> dict[str, LowPrecision]:
        """Return the low precisions of weights and inputs, by the names that `Run.low` uses."""
        low = {f"weight {path}": value for path, value in self.low_precisions().items()}
        of_inputs = getattr(self.adapter, "input_precision", None)
        if of_inputs is not None:
            low |= {f"input {name}": of_inputs for name in inputs}
        return low

    def leaves(self) -> set[str]:
        """Return the reference paths of the modules that contain no other module of `modules`."""
        paths = set(self.modules.values())
        parents = {path[:i] for path in paths for i, c in enumerate(path) if c == "."}
        return paths - parents - ({""} if len(paths) > 1 else set())

    @contextmanager
    def running(
        self, precision: Precision, *, training: bool, is_watched: bool = True
    ) -> Iterator[None]:
        """Prepare the module for a run in a precision and mode; undo it afterwards.

        Casts inside the model are looked for if the run is watched, and followed if there are any.

        Raises:
            SideRaised: the code inside the `with` block raised.
        """
        if hasattr(self.adapter, "looks_for_casts"):
            self.adapter.looks_for_casts = is_watched
        try:
            with self.adapter.in_precision(precision, training=training):
                yield
        except (CannotCompare, KeyboardInterrupt):
            raise
        except RaisedInModule as error:
            cause = error.__cause__ or error
            raise self._raised(precision, error.module, cause) from cause
        except RaisedInLoss as error:
            cause = error.__cause__ or error
            raise self._raised(precision, "", cause, in_loss=True) from cause
        except BaseException as error:  # `sys.exit` too
            raise self._raised(precision, "", error) from error

    def _raised(
        self, precision: Precision, module: str, cause: BaseException, *, in_loss: bool = False
    ) -> SideRaised:
        return SideRaised(
            self.role, self.adapter.framework, precision, module, cause, in_loss=in_loss
        )


def randomize_constant_parameters(
    state: Mapping[str, Array],
    parameters: Mapping[str, str],
    seed: int,
    low: Mapping[str, LowPrecision] | None = None,
) -> dict[str, Array]:
    """Return weights under which faults show: float32, and no parameter constant.

    A layer initialised with zeros hides everything before it, and its own gradient too. So a
    constant parameter gets normal numbers with the standard deviation of a usual initialisation,
    1 / sqrt(fan in), added to it. Constant buffers grow by 0.02 to 0.1 per element, so that
    variances stay positive.

    Args:
        state: parameters and buffers by path; what is not float is returned as it is.
        parameters: contains the paths that are parameters.
        seed: of the random numbers, together with each path.
        low: precisions lower than float32, by path, whose values the weights are to have.
    """
    weights = {
        path: _randomized(path, value, path in parameters, seed) for path, value in state.items()
    }
    return weights | {path: rounded_to(weights[path], p) for path, p in (low or {}).items()}


def _randomized(path: str, value: Array, is_parameter: bool, seed: int) -> Array:
    if not is_float(value):
        return value
    value = in_precision(value, "float32")
    if value.size == 0 or not np.all(value == value.flat[0]):
        return value
    rng = keyed(seed, "move", path)
    if is_parameter:
        fan_in = max(1, value.size // value.shape[0]) if value.ndim > 1 else 25
        step = rng.standard_normal(value.shape) / np.sqrt(fan_in)
    else:
        step = rng.uniform(0.02, 0.1, value.shape)
    randomized: Array = np.asarray(value + step, value.dtype)  # a number of no dimension too
    return randomized
