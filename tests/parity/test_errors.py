"""Exceptions of other people's code, as one line that a person can use."""

from __future__ import annotations

import pytest

from parity.errors import LONGEST, SideRaised, one_line, users_line


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("a\n  b"), "ValueError: a b"),
        (ValueError(), "ValueError"),
        (ValueError("\x1b[38;5;1mred\x1b[m"), "ValueError: red"),
        (
            RuntimeError(
                "[f 1127 19:20:01.123456 28 executor.cc:682] \n"
                "Execute fused operator(1/3) failed.\n"
                "please report this issue to us"
            ),
            "RuntimeError: Execute fused operator(1/3) failed.",
        ),
        (UnprintableError(), "UnprintableError: its text cannot be shown"),
        (SystemExit(0), "SystemExit: 0"),
    ],
)
def test_an_exception_is_one_plain_line(error: BaseException, line: str) -> None:
    assert one_line(error) == line


def test_a_long_text_is_cut() -> None:
    line = one_line(ValueError("x" * 10_000))
    assert len(line) == len("ValueError: ") + LONGEST
    assert line.endswith("…")


def raised() -> ValueError:
    try:
        int("not a number")
    except ValueError as error:
        return error
    raise AssertionError


def test_the_users_line_is_named() -> None:
    error = raised()
    assert users_line(error).startswith("test_errors.py:")
    side = SideRaised("candidate", "torch", "float64", "a.b", error)
    assert str(side).startswith("the candidate (torch) raised in a.b in float64: ValueError: ")
    assert str(side).endswith(f"({users_line(error)})")
    assert "Traceback" in side.details
    assert users_line(ValueError()) == ""
