"""Training with PyTorch's own order of memory."""

import numpy as np
import torch

from impl_torch.train import Trainer
from tests.implementations.oracles import error
from tests.implementations.test_train import CONFIG, IMAGES, state


def test_the_order_of_weights_in_memory_changes_no_number(monkeypatch):
    last = Trainer(CONFIG, dtype="float64")
    layout = torch.channels_last
    assert all(
        p.is_contiguous(memory_format=layout) for p in last.model.parameters() if p.ndim == 4
    )
    monkeypatch.setattr(torch.nn.Module, "to", _without_layout(torch.nn.Module.to))
    first = Trainer(CONFIG, dtype="float64")
    assert not first.model.middle.resnet1.conv1.weight.is_contiguous(
        memory_format=torch.channels_last
    )
    for trainer in (first, last):
        list(trainer.train_epoch(IMAGES, 0))
    one, other = state(first), state(last)
    for name in one:
        assert error(other[name], one[name], scale=max(np.abs(one[name]).max(), 1e-3)) < 1e-9, name


def _without_layout(to):
    return lambda module, *args, memory_format=None: to(module, *args)
