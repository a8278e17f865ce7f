"""The interface between the harness and a framework: one adapter for one module.

To add a framework, write one class with the methods of `Adapter` in one file and register it with
`register_adapter`; `examples/pairs/numpy_framework.py` does it for layers in plain NumPy. The rest
of the harness handles arrays, paths and adapters, and imports no framework.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from parity.base.numerics import Array, LowPrecision, Precision
from parity.errors import CannotCompare

if TYPE_CHECKING:
    from parity.base.random_streams import GlobalGenerator

# A tensor of the framework.
Tensor = Any
# (module path, arguments by the names of the forward function) -> the arguments to call it with.
PreHook = Callable[[str, dict[str, Any]], dict[str, Any]]
# (module path, result) -> the result to return to the caller.
PostHook = Callable[[str, Any], Any]
# (position of a source, gradient with respect to it), see `Adapter.vjp`.
OnGradient = Callable[[int, Array], None]
# (shape) -> uniform numbers in [0, 1); an element is dropped where its number is below the rate.
DropoutSource = Callable[[tuple[int, ...]], Array]
# (family, shape) -> float32 numbers of that shape, uniform in [0, 1) or standard normal, from which
# a draw is to be made; None: the framework draws by itself. Called once for each draw.
Family = Literal["uniform", "normal", "other"]
RandomSource = Callable[[Family, tuple[int, ...]], Array | None]


class Adapter(Protocol):
    """One module and the operations on it that differ from framework to framework.

    Attributes:
        framework: the framework's name, which users give for losses and optimizers.
        module: the object that the user's builder returned.
    """

    framework: str
    module: Any

    def modules(self) -> dict[str, Any]:
        """Return every submodule by path, the module itself under `""`, parents first."""

    def parameters(self) -> dict[str, Tensor]:
        """Return the tensors that training changes, by path; a tied one once, by its first path."""

    def buffers(self) -> dict[str, Tensor]:
        """Return the other persistent tensors by path, such as running statistics."""

    def assign(self, values: Mapping[str, Array]) -> None:
        """Set parameters and buffers by path; they take over the dtypes of the arrays.

        Args:
            values: shapes as the tensors have them; the caller does not use the arrays afterwards.
        """

    def in_precision(self, precision: Precision, *, training: bool) -> AbstractContextManager[None]:
        """Return a context in which the module computes in a precision and mode, with gradients.

        Floats that are not in the weights, Python scalars and default dtypes for example, have the
        precision too.
        """

    def hooked(self, pre_hook: PreHook, post_hook: PostHook) -> AbstractContextManager[None]:
        """Return a context in which each call of a submodule passes through two functions.

        Args:
            pre_hook: called before, with the path and the arguments by parameter name; the module
                is called with the arguments that it returns.
            post_hook: called after, with the path and the result; the caller gets what it returns.
        """

    def dropout_from(self, source: DropoutSource) -> AbstractContextManager[None]:
        """Return a context in which the framework's dropout draws from `source`."""

    def call(self, keywords: Mapping[str, Any], positional: Sequence[Any] = ()) -> Any:
        """Run the module.

        Args:
            keywords: tensors, and containers and plain values around them, by name.
            positional: likewise, in order; passed only where a pair has some.
        """

    def is_tensor(self, value: object) -> bool:
        """Tell whether a value is one of the framework's tensors."""

    def to_numpy(self, tensor: Tensor) -> Array:
        """Return a tensor as an array of its shape and dtype, only to be read.

        The array may share the tensor's memory, so a caller that keeps it copies it.
        """

    def constant(self, array: Array) -> Tensor:
        """Return a tensor of the array's shape and dtype that needs no gradient.

        The caller does not use the array afterwards.
        """

    def variable(self, array: Array) -> tuple[Tensor, Tensor]:
        """Return (source, tensor) for a float array, as `constant` does, but with a gradient.

        The tensor is passed on to the module; `vjp` takes the source. They may be one object.
        """

    def vjp(
        self,
        outputs: list[tuple[Tensor, Array]],
        sources: Sequence[Tensor],
        on_gradient: OnGradient,
    ) -> None:
        """Compute the gradients of sum(tensor * cotangent) with respect to each source.

        Args:
            outputs: tensors and their cotangents, float32 arrays of the same size, which any dtype
                holds exactly. The list is emptied, so that their memory can be freed early.
            sources: parameters, or sources from `variable`; have an attribute `shape`.
            on_gradient: called with a source's position in the list and its gradient, in any
                order, for those sources only that a gradient reaches. It copies what it keeps, so
                an adapter that calls it early and then frees the gradient saves memory.
        """

    def perturbing_operations(
        self, perturb: Callable[[Array], Array]
    ) -> AbstractContextManager[None]:
        """Return a context in which the result of every operation on float64 tensors is perturbed.

        Optional. Without it, rounding in what is computed from integers alone is not measured.
        """

    def random_from(self, source: RandomSource) -> AbstractContextManager[object]:
        """Return a context in which the framework's random draws are asked of a source.

        Optional. The family "other" cannot be made from the source's numbers, and gets None.
        """

    def generator(self) -> GlobalGenerator:
        """Return the framework's default generator.

        Optional. Its state tells of draws that `random_from` does not see.
        """

    def low_precisions(self) -> Mapping[str, LowPrecision]:
        """Return the precision of tensors that the builder made lower than float32, by path.

        Optional, like the next three methods: without them a model has no such tensors. They keep
        this precision in a float32 run, `assign` casts float32 arrays to it, `to_numpy` returns
        float32.
        """

    def low_precision_of(self, tensor: Tensor) -> LowPrecision | None:
        """Return the precision of a tensor that is lower than float32, or None."""

    def as_precise_as(self, tensor: Tensor, other: Tensor) -> Tensor:
        """Return a tensor, cast to the precision of another one if that is a low one."""

    def observing_precision(
        self, on_low: Callable[[float], None]
    ) -> AbstractContextManager[object]:
        """Return a context that passes on the epsilon of results lower than float32."""

    def optimizer(
        self, make_optimizer: Callable[[Any], Any]
    ) -> Callable[[Mapping[str, Array]], None]:
        """Return a function that takes one optimizer step, given a gradient for each path.

        Needed only for pairs with an optimizer.

        Args:
            make_optimizer: (list of parameters) -> optimizer of the framework.
        """

    def manifest(self) -> dict[str, str]:
        """Return versions and every setting that changes arithmetic, as text."""


class AdapterEntry(NamedTuple):
    """A registered framework; see `register_adapter` for the fields."""

    package: str
    owns: Callable[[Any, Any], bool]
    load: Callable[[], Callable[[Any], Any]]


def _adapter_class(module: str, name: str) -> Callable[[], Any]:
    return lambda: getattr(importlib.import_module(module), name)


_ENTRIES: list[AdapterEntry] = [
    AdapterEntry(
        "torch",
        lambda torch, module: isinstance(module, torch.nn.Module),
        _adapter_class("parity.adapters.torch_adapter", "TorchAdapter"),
    ),
    AdapterEntry(
        "jittor",
        lambda jittor, module: isinstance(module, jittor.Module),
        _adapter_class("parity.adapters.jittor_adapter", "JittorAdapter"),
    ),
    AdapterEntry(
        "parity.recording.recorded_side",
        lambda package, module: isinstance(module, package.RecordedModule),
        _adapter_class("parity.recording.recorded_side", "owned"),
    ),
]


def register_adapter(
    package: str, owns: Callable[[Any, Any], bool], load: Callable[[], type[Any]]
) -> None:
    """Register a framework; it is asked before those that are registered already.

    Args:
        package: name of the package that is imported wherever a module of the framework exists.
        owns: (package, object) -> whether the object is a module of the framework.
        load: () -> the adapter class, whose instances have the methods of `Adapter` and which is
            called with a module.
    """
    _ENTRIES.insert(0, AdapterEntry(package, owns, load))


def adapt(module: Any) -> Adapter:
    """Return the adapter of a module. No framework is imported for it that is not imported yet.

    Raises:
        CannotCompare: no known framework owns the object.
    """
    for entry in _ENTRIES:
        package = sys.modules.get(entry.package)
        if package is not None and entry.owns(package, module):
            adapter: Adapter = entry.load()(module)
            return adapter
    if isinstance(module, type):
        raise CannotCompare(
            f"a builder returned the class {module.__name__}: return a module, {module.__name__}(…)"
        )
    known = ", ".join(entry.package for entry in _ENTRIES)
    raise CannotCompare(
        f"a builder returned {type(module).__name__!r}, which is no module of {known}: "
        "return a module, or register an adapter (parity.adapters.protocol.register_adapter)"
    )
