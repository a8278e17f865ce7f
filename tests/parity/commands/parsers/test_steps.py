"""The help of `parity record-steps` and `parity check-steps`."""

from __future__ import annotations

import pytest

from parity.cli import main


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("record-steps", ("--steps", "-- python train.py", "parity.recording_steps")),
        ("check-steps", ("--own-data", "--accept", "--rename", "exit status")),
    ],
)
def test_help_teaches(
    command: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert all(word in text for word in words)
    assert all(len(line) <= 100 for line in text.splitlines())
