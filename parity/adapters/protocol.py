"""What the engine asks of a framework: one adapter, bound to one module.

To add a framework, write one class that fulfils `Adapter` in one file and register it with
`register_adapter`; `examples/pairs/numpy_framework.py` does it in plain NumPy. Everything else in
this package speaks of arrays, paths and adapters, and imports no framework.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from parity.base.numerics import Array, Precision
from parity.errors import CannotCompare

Tensor = Any
PreHook = Callable[[str, dict[str, Any]], dict[str, Any]]
PostHook = Callable[[str, Any], Any]
# (number of the source, its gradient)
OnGradient = Callable[[int, Array], None]
# (shape) -> uniform numbers in [0, 1); an element is dropped where its number is below the rate.
DropoutSource = Callable[[tuple[int, ...]], Array]


class Adapter(Protocol):
    """One module seen through its framework.

    Attributes:
        framework: the framework's name, for people.
        module: the user's own object.
    """

    framework: str
    module: Any

    def modules(self) -> dict[str, Any]:
        """Return every submodule by path, the module itself under `""`, parents first."""

    def parameters(self) -> dict[str, Tensor]:
        """Return what training changes, by path; a tied parameter once, under its first name."""

    def buffers(self) -> dict[str, Tensor]:
        """Return the other persistent tensors by path, running statistics for example."""

    def assign(self, values: Mapping[str, Array]) -> None:
        """Set parameters and buffers by path, dtype included; the arrays become the adapter's."""

    def in_precision(self, precision: Precision, *, training: bool) -> AbstractContextManager[None]:
        """Make float constants and defaults enter as `precision`, in the given mode, meanwhile."""

    def hooked(self, enter: PreHook, leave: PostHook) -> AbstractContextManager[None]:
        """Call `enter(path, arguments)` before and `leave(path, result)` after each submodule runs.

        `arguments` maps the names of the forward function's parameters to their values; what the
        two functions return takes the place of what they were given.
        """

    def dropout_from(self, source: DropoutSource) -> AbstractContextManager[None]:
        """Let the framework's own dropout layers take their random numbers from `source`."""

    def call(self, inputs: Mapping[str, Tensor]) -> Any:
        """Run the module on tensors passed by keyword."""

    def is_tensor(self, value: object) -> bool:
        """Tell whether a value is one of the framework's tensors."""

    def to_numpy(self, tensor: Tensor) -> Array:
        """Return a tensor's numbers, dtype kept, only to be read.

        They may be the tensor's own memory: whoever keeps them copies them.
        """

    def constant(self, array: Array) -> Tensor:
        """Take an array in, dtype kept, as its own; no gradient will be asked of it."""

    def variable(self, array: Array) -> tuple[Tensor, Tensor]:
        """Take a float array in as (source, tensor to pass on); `vjp` takes the source."""

    def vjp(
        self, outputs: list[tuple[Tensor, Array]], sources: Sequence[Tensor], take: OnGradient
    ) -> None:
        """Find the gradient of sum(tensor * cotangent) by each source.

        Args:
            outputs: the tensors and their cotangents, float32 numbers to be cast to the tensor's
                dtype, without loss; emptied, so that what is done goes.
            sources: by what; `take` is told the place in this list.
            take: told each gradient as soon as it is there, in any order, and only those that flow;
                it copies what it keeps. An adapter that then lets go keeps large models small.
        """

    def perturbing_operations(self, move: Callable[[Array], Array]) -> AbstractContextManager[None]:
        """Let `move` change what every operation on float64 tensors leaves, meanwhile.

        Optional: without it, rounding in what is computed from integers alone goes unmeasured.
        """

    def optimizer(self, make: Callable[[Any], Any]) -> Callable[[Mapping[str, Array]], None]:
        """Build `make(parameters)` and return what takes one step of it, given gradients by path.

        Needed only for pairs that name an optimizer.
        """

    def manifest(self) -> dict[str, str]:
        """Return versions and every setting that changes arithmetic, as text."""


class AdapterEntry(NamedTuple):
    """A framework that may be met: the package whose presence means it, and where its class is."""

    package: str
    owns: Callable[[Any, Any], bool]
    load: Callable[[], type[Any]]


def _adapter_class(module: str, name: str) -> Callable[[], type[Any]]:
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
]


def register_adapter(
    package: str, owns: Callable[[Any, Any], bool], load: Callable[[], type[Any]]
) -> None:
    """Make a further framework known.

    Args:
        package: the imported package that a module of this framework implies.
        owns: (package, object) -> whether the object is a module of it.
        load: () -> the class that fulfils `Adapter`, called with the module.
    """
    _ENTRIES.insert(0, AdapterEntry(package, owns, load))


def adapt(module: Any) -> Adapter:
    """Return the adapter of a module; a framework nobody has imported is not imported for it.

    Raises:
        CannotCompare: no known framework owns the object.
    """
    for entry in _ENTRIES:
        package = sys.modules.get(entry.package)
        if package is not None and entry.owns(package, module):
            adapter: Adapter = entry.load()(module)
            return adapter
    known = ", ".join(entry.package for entry in _ENTRIES)
    raise CannotCompare(
        f"a builder returned {type(module).__name__!r}, which is no module of {known}: "
        "return a module, or register an adapter (parity.adapters.protocol.register_adapter)"
    )
