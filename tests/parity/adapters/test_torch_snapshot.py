from __future__ import annotations

import torch
from torch import nn

from parity.adapters.torch_snapshot import snapshot


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_buffer("steps", torch.zeros(1), persistent=False)
        self.table, self.calls = torch.ones(2), 0


def test_everything_is_put_back() -> None:
    model = Counting()
    weight, data = model.layer.weight, model.layer.weight.data_ptr()
    weight.grad = torch.full((2, 2), 3.0)
    put_back = snapshot(model.modules())
    model.calls, model.table[0], model.extra = 5, 9.0, 1  # type: ignore[assignment]
    model.steps += 1
    weight.data = weight.data.double() * 2
    weight.requires_grad_(False)
    weight.grad = None
    model.layer.register_forward_hook(lambda *_: None)
    model.layer.register_buffer("new", torch.zeros(1))
    model.layer = nn.Linear(3, 3)
    put_back()
    assert (model.calls, model.table.tolist(), model.steps.tolist()) == (0, [1, 1], [0])
    assert not hasattr(model, "extra")
    assert model.layer.weight is weight
    assert (weight.data_ptr(), weight.dtype, weight.requires_grad) == (data, torch.float32, True)
    assert weight.grad is not None
    assert weight.grad.tolist() == [[3, 3], [3, 3]]
    assert not model.layer._forward_hooks
    assert not hasattr(model.layer, "new")
