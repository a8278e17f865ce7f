from __future__ import annotations

import pytest

from parity.cli import main


def test_help_teaches_both_uses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["atlas", "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert "parity atlas --only norms" in text
    assert "parity atlas --for my_pairs:unet" in text
