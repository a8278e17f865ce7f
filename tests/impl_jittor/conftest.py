"""Tests of the Jittor side alone: the import path of the oracles, and Jittor's 64-bit flag."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import impl_jittor  # noqa: F401  (makes Jittor usable before anything imports it)

sys.path.append(str(Path(__file__).parents[2]))  # for tests.implementations.oracles


@pytest.fixture
def wide() -> Iterator[None]:
    """Let float64 and int64 arrays into Jittor as they are."""
    import jittor as jt

    with jt.flag_scope(auto_convert_64_to_32=0):
        yield
