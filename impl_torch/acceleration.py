"""What PyTorch has beyond the mirrored code: compiled graphs and bfloat16. Both change rounding."""

from __future__ import annotations

import torch
from torch import nn

from impl_torch.unet import Dropout


def accelerate(model: nn.Module, *, compiled: bool = False, bfloat16: bool = False) -> None:
    """Make a model's calls faster, in place; its parameters stay float32, under their names.

    Args:
        model: to be called as before.
        compiled: by `torch.compile`, once for each shape, mode and set of gradients. What a user
            watches inside, by hooks on submodules, may no longer be seen.
        bfloat16: convolutions and products in bfloat16, by `torch.autocast`, which leaves what
            needs digits in float32: 8 bits of a product's 24 are left.
    """
    if bfloat16:
        device = next(model.parameters()).device.type
        model.forward = torch.autocast(device, torch.bfloat16)(model.forward)
    if compiled:
        for module in model.modules():
            if isinstance(module, Dropout):  # each step has another source of masks
                module.forward = torch.compiler.disable(module.forward)  # type: ignore[method-assign]
        model.compile()
