from __future__ import annotations

import pytest
import torch

from parity.adapters.protocol import adapt
from parity.atlas.sides import Backend, torch_side


@pytest.fixture(scope="session")
def reference() -> Backend:
    return torch_side()


@pytest.fixture(scope="session")
def candidate() -> Backend:
    """PyTorch again, in the candidate's place: what is planted in its source is the only fault."""
    names = {"torch": torch, "F": torch.nn.functional}
    return Backend("torch", adapt(torch.nn.Identity()), names)
