"""Keys of functions."""

from __future__ import annotations

from parity.base.keyed_functions import Keyed, key_of


def test_a_keyed_function_is_called_as_the_function() -> None:
    add = Keyed(lambda a, b=1: a + b, "add")
    assert (add(1), add(1, b=2), key_of(add)) == (2, 3, "add")


def test_no_function_has_the_empty_key_and_another_function_none() -> None:
    assert key_of(None) == ""
    assert key_of(len) is None
