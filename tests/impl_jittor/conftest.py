"""The tests of the Jittor side: its oracles are those of the torch side."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import impl_jittor  # noqa: F401  (makes Jittor usable before anything imports it)

sys.path.append(str(Path(__file__).parents[2]))  # for tests.impl_torch.oracles


@pytest.fixture
def wide() -> Iterator[None]:
    """Let float64 and int64 arrays into Jittor as they are."""
    import jittor as jt

    with jt.flag_scope(auto_convert_64_to_32=0):
        yield
