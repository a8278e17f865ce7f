"""Equivalent forms of attention: fused, chunked, softmax spelled out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from audit.case import rewrite
from audit.correct_pairs import ATTENTION
from audit.layer_zoo import LAYERS
from audit.lazy_jittor import jt

Mix = Callable[[Tensor, Tensor, Tensor], Tensor]


def _replace_mixing(module: Any, mix: Mix) -> None:
    def forward(x: Tensor) -> Tensor:
        N, C, H, W = x.shape
        h = module.norm(x).reshape(N, C, H * W).transpose(1, 2)
        h = mix(module.query(h), module.key(h), module.value(h))
        return x + module.out(h).transpose(1, 2).reshape(x.shape)

    module.forward = forward


def _scores(q: Tensor, k: Tensor) -> Tensor:
    return q @ k.transpose(1, 2) * q.shape[-1] ** -0.5


@rewrite(ATTENTION)
def spelled_out(module: Any) -> None:
    """Two products and a softmax."""
    _replace_mixing(module, lambda q, k, v: torch.softmax(_scores(q, k), -1) @ v)


@rewrite(ATTENTION)
def query_scaled_first(module: Any) -> None:
    """The scale applied to the queries."""
    _replace_mixing(
        module,
        lambda q, k, v: torch.softmax(q * q.shape[-1] ** -0.5 @ k.transpose(1, 2), -1) @ v,
    )


@rewrite(ATTENTION)
def scale_shared(module: Any) -> None:
    """The root of the scale applied to queries and to keys."""

    def mix(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        root = q.shape[-1] ** -0.25
        return torch.softmax((q * root) @ (k * root).transpose(1, 2), -1) @ v

    _replace_mixing(module, mix)


@rewrite(ATTENTION)
def maximum_taken_out(module: Any) -> None:
    """Softmax with the maximum subtracted by hand."""

    def mix(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = _scores(q, k)
        weights = torch.exp(scores - scores.amax(-1, keepdim=True))
        return weights / weights.sum(-1, keepdim=True) @ v

    _replace_mixing(module, mix)


@rewrite(ATTENTION)
def by_logsumexp(module: Any) -> None:
    """Softmax as exp(s - logsumexp(s))."""

    def mix(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = _scores(q, k)
        return torch.exp(scores - torch.logsumexp(scores, -1, keepdim=True)) @ v

    _replace_mixing(module, mix)


@rewrite(ATTENTION)
def by_log_softmax(module: Any) -> None:
    """Softmax as the exponential of its logarithm."""
    _replace_mixing(module, lambda q, k, v: F.log_softmax(_scores(q, k), -1).exp() @ v)


@rewrite(ATTENTION)
def chunked(module: Any) -> None:
    """Queries in four parts."""

    def mix(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return torch.cat([F.scaled_dot_product_attention(part, k, v) for part in q.chunk(4, 1)], 1)

    _replace_mixing(module, mix)


@rewrite(ATTENTION)
def divided_at_the_end(module: Any) -> None:
    """The sum of the weights divided out after the product with the values."""

    def mix(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = _scores(q, k)
        weights = torch.exp(scores - scores.amax(-1, keepdim=True))
        return weights @ v / weights.sum(-1, keepdim=True)

    _replace_mixing(module, mix)


@rewrite(ATTENTION)
def by_einsum(module: Any) -> None:
    """Products by einsum."""

    def mix(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = torch.einsum("nic,njc->nij", q, k) * q.shape[-1] ** -0.5
        return torch.einsum("nij,njc->nic", torch.softmax(scores, -1), v)

    _replace_mixing(module, mix)


@rewrite(ATTENTION)
def one_head_of_many(module: Any) -> None:
    """Fused attention with an axis of heads, of which there is one."""
    _replace_mixing(
        module,
        lambda q, k, v: F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0],
    )


@rewrite(ATTENTION, "jittor")
def spelled_out_in_jittor(module: Any) -> None:
    """Jittor's operators and not a kernel."""

    def execute(x: Any) -> Any:
        N, C, H, W = x.shape
        h = module.norm(x).reshape(N, C, H * W).transpose(0, 2, 1)
        q, k, v = module.query(h), module.key(h), module.value(h)
        weights = jt.nn.softmax(jt.nn.bmm_transpose(q, k) / C**0.5, dim=-1)
        return x + module.out(jt.nn.bmm(weights, v)).transpose(0, 2, 1).reshape(x.shape)

    module.execute = execute


@rewrite(LAYERS)
def heads_fused(model: Any) -> None:
    """Scaled dot-product attention over heads."""
    heads = model.heads

    def forward(x: Tensor) -> Tensor:
        q, k, v = (heads.split(f(x)) for f in (heads.query, heads.key, heads.value))
        h = F.scaled_dot_product_attention(q, k, v)
        return heads.out(h.permute(0, 2, 1, 3).reshape(x.shape))

    heads.forward = forward


@rewrite(LAYERS)
def heads_one_by_one(model: Any) -> None:
    """A loop over heads."""
    heads = model.heads

    def forward(x: Tensor) -> Tensor:
        q, k, v = heads.query(x), heads.key(x), heads.value(x)
        parts = [
            torch.softmax(q[..., s] @ k[..., s].transpose(1, 2) / 2, -1) @ v[..., s]
            for s in (slice(0, 4), slice(4, 8))
        ]
        return heads.out(torch.cat(parts, -1))

    heads.forward = forward
