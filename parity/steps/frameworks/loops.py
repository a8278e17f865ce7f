"""The loops of the frameworks, each imported when it is needed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from parity.errors import CannotCompare
from parity.steps.frameworks.protocol import Loop

# Framework -> module and class.
_LOOPS = {
    "torch": ("parity.steps.frameworks.torch_loop", "TorchLoop"),
    "jittor": ("parity.steps.frameworks.jittor_loop", "JittorLoop"),
}


def loop_of(framework: str) -> Callable[[Mapping[str, Any]], Loop]:
    """Return the class of a framework's loop: (adapters of models by name) -> loop.

    Raises:
        CannotCompare: the framework has none.
    """
    if framework not in _LOOPS:
        raise CannotCompare(
            f"training steps of {framework} cannot be looked into: they can of {', '.join(_LOOPS)}"
        )
    module, name = _LOOPS[framework]
    loop: Callable[[Mapping[str, Any]], Loop] = getattr(importlib.import_module(module), name)
    return loop
