from __future__ import annotations

import pytest

from parity.atlas.backends import describe_exception


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("a\n  b", "RuntimeError: a b"),
        ("", "RuntimeError"),
        (
            "Failed reason:\x1b[38;5;1m[f 1127 15:29:16.567302 80 reshape_op.cc:25] Check failed",
            "RuntimeError: Failed reason:[reshape_op.cc:25] Check failed",
        ),
        (
            "Execute fused operator(0/1) failed.\n[Reason]: \x1b[38;5;1m[f 1127 15:29:16.5 80 "
            "pass.cc:7] Check failed: a <= b\n",
            "RuntimeError: the kernel fails: Check failed: a <= b",
        ),
        (
            "Execute fused operator(0/1) failed.\n[Reason]: [f 1127 15:29:16.5 80 log.cc:7] Check "
            "failed ret(256) == 0(0) Run cmd failed: g++ /home/someone/kernel.cc\n",
            "RuntimeError: the kernel does not compile",
        ),
    ],
)
def test_an_exception_is_described_without_times_colours_or_paths(
    text: str, description: str
) -> None:
    assert describe_exception(RuntimeError(text)) == description
