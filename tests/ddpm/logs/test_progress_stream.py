"""A bar that cannot be drawn ends no run."""

import io
import sys

import pytest
from tqdm import tqdm

from ddpm.logs.progress_stream import progress_stream


class Full(io.StringIO):
    def write(self, text):
        raise OSError(28, "No space left on device")

    def flush(self):
        raise OSError(28, "No space left on device")


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [None, Full(), closed()], ids=["none", "full", "closed"])
def test_a_bar_goes_on_without_its_stream(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    steps = list(tqdm(range(5), file=progress_stream(), mininterval=0, miniters=1))
    assert steps == list(range(5))


def test_a_bar_is_drawn_where_it_can_be(monkeypatch):
    monkeypatch.setattr(sys, "stderr", shown := io.StringIO())
    list(tqdm(range(5), file=progress_stream()))
    assert "5/5" in shown.getvalue()
    assert not progress_stream().isatty()
