"""Adapters that were written for version 0.1 find the protocol under its old path."""

from __future__ import annotations

from parity import framework
from parity.adapters import protocol


def test_the_old_path_has_the_same_objects() -> None:
    for name in ("Adapter", "adapt", "register_adapter", "DropoutSource", "Tensor"):
        assert getattr(framework, name) is getattr(protocol, name)
