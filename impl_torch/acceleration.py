"""Options that PyTorch alone has: compiled graphs and bfloat16. Both change rounding."""

from __future__ import annotations

import torch
from torch import nn

from impl_torch.unet import Dropout


def accelerate(model: nn.Module, *, compiled: bool = False, bfloat16: bool = False) -> None:
    """Make a model's calls faster, in place; its parameters stay float32, under their names.

    Args:
        model: to be called as before.
        compiled: run through `torch.compile`, compiled once for each shape, mode and set of
            gradients. Hooks on submodules may no longer be called.
        bfloat16: convolutions and products in bfloat16, which keeps 8 of float32's 24 bits, by
            `torch.autocast`; other operations stay in float32.
    """
    if bfloat16:
        device = next(model.parameters()).device.type
        model.forward = torch.autocast(device, torch.bfloat16)(model.forward)
    if compiled:
        for module in model.modules():
            if isinstance(module, Dropout):  # each step has another source of masks
                module.forward = torch.compiler.disable(module.forward)  # type: ignore[method-assign]
        model.compile()
