"""Faults of attention: scale, axis, heads, residual connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from audit.case import BOTH, UNREPORTED, mutant
from audit.correct_pairs import ATTENTION, UNET
from audit.edits import functional, replace_call
from audit.layer_zoo import LAYERS

SCALE = "https://github.com/Project-MONAI/GenerativeModels/issues/146"
AXIS = "https://github.com/labmlai/annotated_deep_learning_paper_implementations/issues/146"
PAPER = "Vaswani et al. 2017, eq. 1: scaled by 1 / sqrt(d)"
# (query, key), each (N, L, C) -> scores (N, L, L)
Scores = Callable[[Any, Any], Any]


def _scaled(q: Any, k: Any) -> Any:
    return q @ k.permute(0, 2, 1) / q.shape[-1] ** 0.5


def _attention(module: Any, *, scores: Scores = _scaled, axis: int = 2, skip: bool = True) -> None:
    """Spell a module's attention out, with other scores, another softmax or no residual."""

    def call(x: Any) -> Any:
        N, C, H, W = x.shape
        h = module.norm(x).reshape(N, C, H * W).permute(0, 2, 1)
        q, k, v = module.query(h), module.key(h), module.value(h)
        weights = functional(module).softmax(scores(q, k), dim=axis)
        h = module.out(weights @ v).permute(0, 2, 1).reshape(N, C, H, W)
        return x + h if skip else h

    replace_call(module, call)


@mutant(ATTENTION, "torch", "", "forward", SCALE, visible=lambda c: c.is_spatial)
def no_scale(module: Any) -> None:
    """Scores not divided by the root of the width."""
    _attention(module, scores=lambda q, k: q @ k.permute(0, 2, 1))


@mutant(ATTENTION, "jittor", "", "forward", PAPER, visible=lambda c: c.is_spatial)
def scaled_by_the_width(module: Any) -> None:
    """Scores divided by the width and not by its root."""
    _attention(module, scores=lambda q, k: q @ k.permute(0, 2, 1) / q.shape[-1])


@mutant(ATTENTION, BOTH, "", "forward", AXIS, visible=lambda c: c.is_spatial)
def softmax_over_queries(module: Any) -> None:
    """Softmax along the wrong axis."""
    _attention(module, axis=1)


@mutant(ATTENTION, "torch", "", "forward", UNREPORTED, visible=lambda c: c.is_spatial)
def keys_ask_and_queries_answer(module: Any) -> None:
    """Queries and keys exchanged."""
    _attention(module, scores=lambda q, k: _scaled(k, q))


@mutant(ATTENTION, "jittor", "", "forward", UNREPORTED, visible=lambda c: c.is_spatial)
def no_residual(module: Any) -> None:
    """No residual connection."""
    _attention(module, skip=False)


@mutant(UNET, "torch", "middle.attention", "forward", UNREPORTED, visible=lambda c: c.is_spatial)
def no_residual_in_the_middle(unet: Any) -> None:
    """No residual connection around one attention of a whole U-Net."""
    _attention(unet.middle.attention, skip=False)


@mutant(LAYERS, BOTH, "heads", "forward", UNREPORTED)
def heads_innermost(model: Any) -> None:
    """Channels split as (width, heads) and not as (heads, width)."""
    model.heads.split = lambda x: x.reshape(x.shape[0], x.shape[1], 4, 2).permute(0, 3, 1, 2)
