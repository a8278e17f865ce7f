"""Averages of the weights (EMA) inside a training loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parity.adapters.protocol import Adapter
from parity.base.numerics import Array
from parity.errors import CannotCompare
from parity.steps.frameworks.protocol import Loop
from parity.steps.step_data import Arrays

# What wrappers put before every path, such as torch.optim.swa_utils.AveragedModel.
_PREFIXES = ("module.", "ema_model.", "model.")


class Average:
    """The tensors of an average, by the reference's path.

    Args:
        name: of the average.
        average: a module, a dictionary of tensors by name, or an object with one of them as an
            attribute.
        adapter: of the model that is averaged.
        loop: of the framework.
        own_names: own path of a parameter or buffer -> the reference's.

    Raises:
        CannotCompare: no tensors are found in it.
    """

    def __init__(
        self, name: str, average: Any, adapter: Adapter, loop: Loop, own_names: Mapping[str, str]
    ) -> None:
        self._adapter, self._loop = adapter, loop
        self._tensors = known_tensors(average, adapter, own_names)
        if not self._tensors:
            raise CannotCompare(
                f"the average {name or type(average).__name__!r} has no tensor with the name of a "
                "weight: give a module, or a dictionary of tensors by name"
            )

    def read(self) -> Arrays:
        """Return copies of the float tensors, by the reference's path."""
        arrays = {p: self._adapter.to_numpy(t).copy() for p, t in self._tensors.items()}
        return {path: array for path, array in arrays.items() if array.dtype.kind == "f"}

    def write(self, arrays: Mapping[str, Array]) -> None:
        """Set tensors in place."""
        for path, array in arrays.items():
            tensor = self._tensors.get(path)
            if tensor is None:
                continue
            value = self._loop.constant(array, tensor)
            if hasattr(tensor, "data") and hasattr(tensor, "copy_"):
                tensor.data.copy_(value)
            else:
                stopped = tensor.is_stop_grad()
                tensor.assign(value)
                if stopped:
                    tensor.stop_grad()


def known_tensors(average: Any, adapter: Adapter, own_names: Mapping[str, str]) -> dict[str, Any]:
    """Return the tensors of an average that have the name of a weight, by the reference's path.

    Args:
        average: a module, a dictionary of tensors by name, or an object that has one of them.
        adapter: of the model that is averaged.
        own_names: own path of a parameter or buffer -> the reference's.
    """
    known: dict[str, Any] = {}
    for own, tensor in _tensors(average, adapter).items():
        path = _known(own, own_names)
        if path is not None:
            known[path] = tensor
    return known


def _tensors(average: Any, adapter: Adapter) -> dict[str, Any]:
    """Return the tensors of a dictionary or module, or of the attribute that has most of them."""
    if isinstance(average, Mapping):
        return {str(n): t for n, t in average.items() if adapter.is_tensor(t)}
    if isinstance(average, module_class(adapter)):
        return _tensors(average.state_dict(), adapter)
    best: dict[str, Any] = {}
    for value in getattr(average, "__dict__", {}).values():
        if isinstance(value, (Mapping, module_class(adapter))):
            found = _tensors(value, adapter)
            best = found if len(found) > len(best) else best
    return best


def module_class(adapter: Adapter) -> Any:
    """Return the framework's own class of modules."""
    return type(adapter.module).__mro__[-2]


def _known(own: str, names: Mapping[str, str]) -> str | None:
    if own in names:
        return names[own]
    for prefix in _PREFIXES:
        if own.startswith(prefix) and own.removeprefix(prefix) in names:
            return names[own.removeprefix(prefix)]
    return None
