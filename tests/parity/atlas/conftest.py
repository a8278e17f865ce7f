from __future__ import annotations

import pytest
import torch

from parity.adapters.protocol import adapt
from parity.atlas.backends import Backend, torch_backend


@pytest.fixture(scope="session")
def reference() -> Backend:
    return torch_backend()


@pytest.fixture(scope="session")
def candidate() -> Backend:
    """PyTorch again, as the candidate: the fault in its source is the only difference."""
    names = {"torch": torch, "F": torch.nn.functional}
    return Backend("torch", adapt(torch.nn.Identity()), names)
