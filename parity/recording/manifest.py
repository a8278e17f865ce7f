"""The manifest of a record: facts of the pair and of the recorded side, as JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parity.diagnose.module_text import module_text
from parity.errors import CannotCompare
from parity.nested.arguments import forward_function
from parity.pair import Pair
from parity.recording.recorded_side import settings_of, signature_values
from parity.trace.bound_model import BoundModel

FORMAT, SCHEMA = "parity record", 1
_TYPES: dict[str, Any] = {
    **dict.fromkeys(("name", "role", "framework"), str),
    **dict.fromkeys(("environment", "process", "low_precisions", "aliases", "runs"), dict),
    **dict.fromkeys(("training", "has_loss", "has_optimizer", "perturbs_operations"), bool),
    **dict.fromkeys(("modules", "parameters", "buffers", "frozen", "input_arrays"), list),
    **dict.fromkeys(("stress_inputs", "randomized", "called", "taps", "output_tensors"), list),
    **dict.fromkeys(("changed_buffers", "drawn_buffers"), list),
    **dict.fromkeys(("random", "input_precision", "like"), (str, type(None))),
    **{"names": dict, "shapes": dict, "dtypes": dict, "allow": dict, "accept": dict},
    **{"seed": int, "signature": (list, type(None)), "inputs": (dict, type(None))},
}


def facts_of_pair(pair: Pair) -> dict[str, Any]:
    """Return what decides which runs a comparison of a pair makes."""
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        "name": pair.name,
        "training": pair.training,
        "random": pair.random,
        "stress_inputs": list(pair.stress_inputs),
        "has_loss": pair.loss is not None,
        "has_optimizer": pair.optimizer is not None,
        "allow": dict(pair.allow),
        "accept": dict(pair.accept),
    }


def facts_of_side(model: BoundModel) -> dict[str, Any]:
    """Return what a comparison asks the adapter of a side, and its names in the reference."""
    adapter = model.adapter
    tensors = {**adapter.parameters(), **adapter.buffers()}
    return {
        "framework": adapter.framework,
        "environment": adapter.manifest(),
        "names": {
            "modules": dict(model.modules),
            "parameters": {path: path for path in model.parameter_paths()},
            "buffers": dict(model.buffers),
        },
        "shapes": {path: list(tensor.shape) for path, tensor in tensors.items()},
        "modules": [
            [path, type(module).__name__, module_text(module, path), settings_of(module)]
            for path, module in adapter.modules().items()
        ],
        "parameters": list(adapter.parameters()),
        "buffers": list(adapter.buffers()),
        "aliases": getattr(adapter, "aliases", dict)(),
        "frozen": sorted(getattr(adapter, "frozen", set)()),
        "low_precisions": dict(getattr(adapter, "low_precisions", dict)()),
        "input_precision": getattr(adapter, "input_precision", None),
        "perturbs_operations": hasattr(adapter, "perturbing_operations"),
        "signature": signature_values(forward_function(adapter.module)),
    }


def required(manifest: Any, file: str) -> Mapping[str, Any]:
    """Return a manifest that has every entry, each of its type.

    Args:
        manifest: JSON values.
        file: that they are from, for messages.

    Raises:
        CannotCompare: it is of another version.
        TypeError: an entry is missing or of another type.
    """
    if not isinstance(manifest, dict):
        raise TypeError("its manifest is no object")
    form = manifest.get("format"), manifest.get("schema")
    if form != (FORMAT, SCHEMA):
        raise CannotCompare(
            f"{file} is no record of this version (format {form[0]!r:.40}, schema {form[1]!r:.20}, "
            f"and {FORMAT!r}, {SCHEMA} is needed): make it again with parity record"
        )
    for name, kind in _TYPES.items():
        if name not in manifest or not isinstance(manifest[name], kind):
            raise TypeError(f"its {name} is missing or of another type")
    return manifest
