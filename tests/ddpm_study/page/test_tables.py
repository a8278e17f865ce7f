"""The text says what the records say."""

from ddpm_study.page import tables
from ddpm_study.page.finished_run import FinishedRun

from .conftest import make_run


def test_the_text_names_the_verdict_and_each_figure(tmp_path):
    text = tables.text(FinishedRun.load(make_run(tmp_path, fault=True)))
    assert text.startswith("PyTorch and Jittor DIFFER: preset tiny, data mnist, seed 0\n")
    for words in ("3.0e-06", "2.0e-14", "DIFFERENT", "99.9840%", "1.75 to 2.50", "44,969"):
        assert words in text


def test_agreement_is_said_when_all_is_rounding(tmp_path):
    text = tables.text(FinishedRun.load(make_run(tmp_path)))
    assert text.startswith("PyTorch and Jittor agree:")
    assert "DIFFERENT" not in text


def test_what_was_not_compared_is_not_called_agreement(tmp_path):
    text = tables.text(FinishedRun.load(make_run(tmp_path, skipped=("parity", "precision"))))
    assert text.startswith("PyTorch and Jittor were not compared:")
