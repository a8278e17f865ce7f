"""Tables for people, from records."""

from __future__ import annotations

from typing import Any

import pandas as pd


def gap_table(record: dict[str, Any]) -> pd.DataFrame:
    """Return one row for each quantity of a reproduction's record."""
    return pd.DataFrame(
        {
            "quantity": gap["quantity"],
            "float32": f"{gap['float32']:.1e}",
            "float64": f"{gap['float64']:.1e}",
            "verdict": "rounding" if gap["is_rounding"] else "DIFFERENT",
        }
        for gap in record["gaps"]
    ).set_index("quantity")


def run_table(record: dict[str, Any]) -> pd.DataFrame:
    """Return PyTorch and Jittor side by side: losses, images, times."""
    runs, pixels, ratio = record["runs"], record["pixels"], record["time_ratio"]
    rows = {
        "parameters": [f"{runs[f]['parameters']:,}" for f in runs],
        "loss, first step": [f"{runs[f]['first_loss']:.7f}" for f in runs],
        f"loss, mean of last {record['tail']}": [f"{runs[f]['last_loss']:.7f}" for f in runs],
        "pixels equal, same weights": ["", f"{pixels['same']['equal']:.3%}"],
        "pixels equal, own weights": ["", f"{pixels['own']['equal']:.3%}"],
        "largest pixel difference, same weights": ["", f"{pixels['same']['largest']} of 255"],
        "largest pixel difference, own weights": ["", f"{pixels['own']['largest']} of 255"],
        "time of a training step, ratio": ["1", _spread(ratio["train"])],
        "time of a sampling step, ratio": ["1", _spread(ratio["sample"])],
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["PyTorch", "Jittor"])


def text(record: dict[str, Any]) -> str:
    """Return the whole reproduction as plain text."""
    parts = (gap_table(record), run_table(record))
    verdict = "agree" if record["agree"] else "DIFFER"
    heading = f"PyTorch and Jittor {verdict}: preset {record['preset']}, seed {record['seed']}"
    steps, batch = record["probe_steps"], record["probe_batch"]
    probe = f"largest relative gap over {steps} training steps of {batch} images"
    return "\n\n".join([heading, f"{probe}:", *(part.to_string() for part in parts)])


def _spread(ratios: dict[str, float]) -> str:
    return f"{ratios['median']:.2f} ({ratios['low']:.2f} to {ratios['high']:.2f})"
