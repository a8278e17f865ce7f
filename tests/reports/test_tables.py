"""The tables say what the record says."""

from reports import tables

RECORD = {
    "preset": "tiny",
    "seed": 7,
    "agree": False,
    "probe_steps": 20,
    "probe_batch": 8,
    "tail": 50,
    "gaps": [
        {"quantity": "loss", "float32": 3e-6, "float64": 2e-14, "is_rounding": True},
        {"quantity": "weights", "float32": 3e-4, "float64": 2e-4, "is_rounding": False},
    ],
    "runs": {
        side: {"parameters": 1234, "first_loss": 1.0, "last_loss": 0.25}
        for side in ("torch", "jittor")
    },
    "pixels": {part: {"equal": 0.99984, "largest": 1} for part in ("same", "own")},
    "time_ratio": {part: {"median": 2.5, "low": 2.25, "high": 3.0} for part in ("train", "sample")},
}


def test_the_text_names_the_verdict_and_each_figure():
    text = tables.text(RECORD)
    assert text.startswith("PyTorch and Jittor DIFFER: preset tiny, seed 7\n")
    assert "over 20 training steps of 8 images:" in text
    for words in ("3.0e-06  2.0e-14   rounding", "DIFFERENT", "99.984%", "2.50 (2.25 to 3.00)"):
        assert words in text


def test_agreement_is_said_when_all_is_rounding():
    record = {**RECORD, "agree": True, "gaps": RECORD["gaps"][:1]}
    assert "PyTorch and Jittor agree" in tables.text(record)
    assert "DIFFERENT" not in tables.text(record)
