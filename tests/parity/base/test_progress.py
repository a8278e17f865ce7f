"""A listener is told what is begun inside its block, and nothing else."""

from __future__ import annotations

import pytest

from parity.base.progress import begin, listening


def test_a_listener_hears_what_is_begun_inside_its_block() -> None:
    heard: list[str] = []
    begin("before")
    with listening(heard.append):
        begin("inside")
    begin("after")
    assert heard == ["inside"]


def test_the_listener_is_gone_after_an_exception() -> None:
    heard: list[str] = []
    with pytest.raises(KeyboardInterrupt), listening(heard.append):
        raise KeyboardInterrupt
    begin("after")
    assert heard == []
