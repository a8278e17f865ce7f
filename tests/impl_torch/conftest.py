"""The tests of both implementations: where their oracles are found, and one thread for torch."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parents[2]))  # for tests.impl_torch.oracles


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Sum in one order, whatever the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
