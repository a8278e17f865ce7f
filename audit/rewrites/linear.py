"""Equivalent forms of linear layers: split, fused, by other products."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from audit.case import rewrite
from audit.correct_pairs import ATTENTION, RESIDUAL, TIME
from audit.layer_zoo import LAYERS


@rewrite(TIME)
def product_and_sum(module: Any) -> None:
    """A product, and then the bias."""
    layer = module.linear1
    layer.forward = lambda input: input @ layer.weight.T + layer.bias


@rewrite(TIME)
def split_by_inputs(module: Any) -> None:
    """Two products over halves of the inputs, added."""
    layer = module.linear2

    def forward(input: Tensor) -> Tensor:
        halves = zip(input.chunk(2, -1), layer.weight.chunk(2, 1), strict=True)
        return sum(x @ w.T for x, w in halves) + layer.bias

    layer.forward = forward


@rewrite(TIME)
def split_by_outputs(module: Any) -> None:
    """Two layers, concatenated."""
    layer = module.linear2

    def forward(input: Tensor) -> Tensor:
        halves = zip(layer.weight.chunk(2), layer.bias.chunk(2), strict=True)
        return torch.cat([F.linear(input, w, b) for w, b in halves], -1)

    layer.forward = forward


@rewrite(TIME)
def frequencies_as_powers(module: Any) -> None:
    """Frequencies as powers of 10,000 and not as exponentials."""
    half = module.channels // 2

    def sinusoids(timestep: Tensor) -> Tensor:
        index = torch.arange(half, dtype=torch.float64)
        phase = timestep.double()[:, None] * 10000 ** (-index / (half - 1))
        return torch.cat([phase.sin(), phase.cos()], 1)

    module.sinusoids = sinusoids


@rewrite(ATTENTION)
def projection_by_einsum(module: Any) -> None:
    """A projection by einsum."""
    layer = module.out
    layer.forward = lambda input: torch.einsum("nlc,oc->nlo", input, layer.weight) + layer.bias


@rewrite(ATTENTION)
def token_by_token(module: Any) -> None:
    """A projection of one token after the other."""
    layer = module.value

    def forward(input: Tensor) -> Tensor:
        return torch.stack([F.linear(x, layer.weight, layer.bias) for x in input.unbind(1)], 1)

    layer.forward = forward


@rewrite(RESIDUAL)
def bias_first(block: Any) -> None:
    """The bias as the product's start (addmm)."""
    layer = block.time_projection
    layer.forward = lambda input: torch.addmm(layer.bias, input, layer.weight.T)


@rewrite(LAYERS)
def bias_as_a_further_input(model: Any) -> None:
    """The bias as the weight of a constant input."""
    layer = model.square

    def forward(input: Tensor) -> Tensor:
        one = torch.ones_like(input[..., :1])
        return torch.cat([input, one], -1) @ torch.cat([layer.weight, layer.bias[:, None]], 1).T

    layer.forward = forward


@rewrite(LAYERS)
def factor_folded(model: Any) -> None:
    """A constant taken out of the weight and put back."""
    layer = model.square
    layer.forward = lambda input: F.linear(input * 3, layer.weight / 3, layer.bias)
