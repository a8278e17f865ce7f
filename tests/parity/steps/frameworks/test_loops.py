"""The loops of the frameworks by name."""

from __future__ import annotations

import pytest

from parity.errors import CannotCompare
from parity.steps.frameworks.loops import loop_of
from parity.steps.frameworks.torch_loop import TorchLoop


def test_a_loop_is_found_by_its_framework() -> None:
    assert loop_of("torch") is TorchLoop


def test_a_framework_without_one_is_refused() -> None:
    with pytest.raises(CannotCompare, match="of numpy cannot be looked into: they can of torch"):
        loop_of("numpy")
