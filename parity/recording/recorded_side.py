"""A side that is not here: its modules, parameters and settings, as a record has them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from parity.base.keyed_functions import key_of
from parity.base.numerics import Array, LowPrecision
from parity.base.perturbation import PerturbResult
from parity.errors import CannotCompare, NotRecorded


class RecordedModule:
    """Stands for a module of the recorded side.

    Attributes:
        side: the recorded side; of the model itself only.
        recorded_text: what the module is, in one line.
    """

    side: RecordedSide
    recorded_text: str

    def __repr__(self) -> str:
        """Return the text."""
        return self.recorded_text


class RecordedSide:
    """Answers as the adapter of the recorded module did; it cannot run.

    Args:
        manifest: of the record.
        weights: arrays of parameters and buffers as they were built, by path.
    """

    def __init__(self, manifest: Mapping[str, Any], weights: Mapping[str, Array]) -> None:
        self._manifest, self._weights = manifest, weights
        self.framework: str = manifest["framework"]
        self.operations = ""
        self._modules = {
            path: _module(kind, text, settings)
            for path, kind, text, settings in manifest["modules"]
        }
        self.module = self._modules[""]
        self.module.side = self
        _give_signature(self.module, manifest["signature"])
        self.input_precision: LowPrecision | None = manifest["input_precision"]
        self.drawn_buffers: list[str] = manifest["drawn_buffers"]

    def modules(self) -> dict[str, RecordedModule]:
        """See `Adapter`."""
        return dict(self._modules)

    def parameters(self) -> dict[str, Array]:
        """See `Adapter`."""
        return {path: self._array(path) for path in self._manifest["parameters"]}

    def buffers(self) -> dict[str, Array]:
        """See `Adapter`."""
        return {path: self._array(path) for path in self._manifest["buffers"]}

    def _array(self, path: str) -> Array:
        """Return a tensor; zeros where the record is like another one, which has the weights."""
        if path in self._weights:
            return self._weights[path]
        return np.broadcast_to(np.float32(0), self._manifest["shapes"][path])

    def aliases(self) -> dict[str, str]:
        """Return further paths of parameters, as the recorded adapter did."""
        return dict(self._manifest["aliases"])

    def frozen(self) -> set[str]:
        """Return the paths of parameters that need no gradient."""
        return set(self._manifest["frozen"])

    def tie(self, path: str, other: str) -> NoReturn:
        """Refuse: what is recorded stays as it was.

        Raises:
            CannotCompare: always.
        """
        raise CannotCompare(
            f"the candidate ties {path!r} to {other!r} and the recorded side did not: tie them in "
            "its builder and record it again"
        )

    def low_precisions(self) -> Mapping[str, LowPrecision]:
        """See `Adapter`."""
        return dict(self._manifest["low_precisions"])

    def is_tensor(self, value: object) -> bool:
        """See `Adapter`."""
        return isinstance(value, np.ndarray)

    def to_numpy(self, tensor: Array) -> Array:
        """See `Adapter`."""
        return tensor

    def manifest(self) -> dict[str, str]:
        """See `Adapter`; and where it was recorded."""
        return dict(self._manifest["environment"])

    @property
    def perturbing_operations(self) -> Any:
        """See `Adapter`: the record has runs with perturbed operations too.

        None where the recorded adapter had no such method.
        """
        return self._perturbing if self._manifest["perturbs_operations"] else None

    @contextmanager
    def _perturbing(self, perturb: PerturbResult) -> Iterator[None]:
        self.operations = key_of(perturb) or "unknown"
        try:
            yield
        finally:
            self.operations = ""

    def __getattr__(self, name: str) -> Any:
        if name in _CANNOT:
            raise NotRecorded(f"the recorded side cannot run: {name} needs the module itself")
        raise AttributeError(name)


# Methods of an adapter that need the module.
_CANNOT = frozenset({"assign", "call", "constant", "variable", "vjp", "hooked", "in_precision"})


def _module(kind: str, text: str, settings: Mapping[str, Any]) -> RecordedModule:
    module: RecordedModule = type(kind, (RecordedModule,), {})()
    for name, value in settings.items():
        setattr(module, name, value)
    module.recorded_text = text
    return module


def settings_of(module: Any) -> dict[str, Any]:
    """Return a module's public attributes that are plain numbers, texts or booleans."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and isinstance(value, (bool, int, float, str))
    }


def signature_values(function: Any) -> list[list[Any]] | None:
    """Return the parameters of a function as JSON: name, kind, whether there is a default."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    return [
        [p.name, int(p.kind), p.default is not inspect.Parameter.empty]
        for p in signature.parameters.values()
    ]


def _give_signature(module: Any, values: list[list[Any]] | None) -> None:
    """Give a module a forward function with the recorded signature."""

    def forward(*arguments: Any, **keywords: Any) -> NoReturn:
        raise NotRecorded("the recorded side cannot be called")

    if values is not None:
        kinds = {int(kind): kind for kind in inspect._ParameterKind}
        parameters = [
            inspect.Parameter(
                name,
                kinds[kind],
                default=None if has_default else inspect.Parameter.empty,
            )
            for name, kind, has_default in values
        ]
        forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    module.forward = forward


def owned(module: RecordedModule) -> RecordedSide:
    """Return the side of a recorded model, as an adapter."""
    return module.side
