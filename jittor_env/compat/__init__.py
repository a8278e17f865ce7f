"""Layers, functions and optimizers for Jittor with PyTorch's behaviour, names and defaults.

    from jittor_env import compat

    norm = compat.BatchNorm2d(64)

Parameters have PyTorch's names, so a state_dict of PyTorch loads by name. Only what Jittor's own
form does otherwise is here; docs/compat.md lists it. The import starts Jittor by
`jittor_env.load()`.
"""

from __future__ import annotations

import importlib
from typing import Any

from jittor_env.startup import load

_MODULES = {
    "norms": (
        *("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "GroupNorm", "InstanceNorm1d"),
        *("InstanceNorm2d", "InstanceNorm3d", "LayerNorm", "group_norm", "layer_norm"),
    ),
    "optimizers": ("SGD", "Adam", "AdamW"),
    "schedulers": ("CosineAnnealingLR", "ExponentialLR", "MultiStepLR", "StepLR"),
    "recurrent": ("GRU", "LSTM", "RNN"),
    "embeddings": ("Embedding", "embedding"),
    "dropouts": (
        *("AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d"),
        *("alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d"),
    ),
    "pooling_layers": tuple(
        f"{kind}Pool{n}d"
        for kind in ("AdaptiveAvg", "AdaptiveMax", "Avg", "Max")
        for n in (1, 2, 3)
    ),
    "pooling": tuple(
        f"{kind}_pool{n}d"
        for kind in ("adaptive_avg", "adaptive_max", "avg", "max")
        for n in (1, 2, 3)
    ),
    "attention": ("MultiheadAttention", "scaled_dot_product_attention"),
    "functional.division": ("floor_divide", "remainder"),
    "functional.extrema": ("abs", "amax", "amin", "clamp", "max", "maximum", "min", "minimum"),
    "functional.losses": (
        *("CrossEntropyLoss", "KLDivLoss", "NLLLoss"),
        *("cross_entropy", "ctc_loss", "kl_div", "nll_loss"),
    ),
    "functional.normalizing": ("log_softmax", "norm", "normalize", "softmax"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_MODULE_OF)

load()


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
