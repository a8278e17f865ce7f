"""Each function of dropout is replayed in a training loop, and another rate is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity.steps.recording import record_script
from parity.steps.replaying import check_script

SCRIPT = """
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.inner = nn.Conv2d(2, 8, 3), nn.Linear(8, 8)
        self.attention = nn.MultiheadAttention(8, 2, dropout=RATE, batch_first=True)
        self.last = nn.Linear(8, 3)

    def forward(self, x):
        x = self.first(x)
        x = ON_IMAGES
        x = self.inner(x.flatten(2).transpose(1, 2))
        x = ON_TOKENS
        return self.last(x.mean(1))


net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(2):
    x, y = torch.randn(4, 2, 5, 5), torch.randint(0, 3, (4,))
    optimizer.zero_grad()
    F.cross_entropy(net(x), y).backward()
    optimizer.step()
"""
ON_IMAGES = {
    "dropout": "F.dropout(x, RATE)",
    "in place": "F.dropout(x * 1, RATE, inplace=True)",
    "channels": "F.dropout2d(x, RATE)",
    "a layer of channels": "nn.Dropout2d(RATE)(x)",
    "channels in 1D": "F.dropout1d(x.flatten(2), RATE).reshape(x.shape)",
    "channels in 3D": "F.dropout3d(x.unsqueeze(2), p=RATE).squeeze(2)",
    "channels without a batch": "F.dropout3d(x, RATE)",
    "alpha dropout": "F.alpha_dropout(x, RATE, training=True)",
    "alpha dropout of channels": "F.feature_alpha_dropout(x, RATE, training=True)",
    "a checkpoint": "checkpoint(lambda z: F.dropout(z, RATE), x, use_reentrant=False)",
    "a reentrant checkpoint": "checkpoint(lambda z: F.dropout(z, RATE), x, use_reentrant=True)",
}
ON_TOKENS = {
    "attention": "self.attention(x, x, x, need_weights=False)[0]",
    "attention with its weights": "self.attention(x, x, x)[0]",
    "a function of attention": "F.scaled_dot_product_attention(x, x, x, None, RATE)",
    "causal attention": "F.scaled_dot_product_attention(x, x, x, dropout_p=RATE, is_causal=True)",
}


@pytest.mark.parametrize("kind", [*ON_IMAGES, *ON_TOKENS])
def test_a_script_agrees_with_itself_and_another_rate_is_found(kind: str, tmp_path: Path) -> None:
    def script(rate: float) -> str:
        path = tmp_path / f"train_{rate}.py"
        text = SCRIPT.replace("ON_IMAGES", ON_IMAGES.get(kind, "x"))
        text = text.replace("ON_TOKENS", ON_TOKENS.get(kind, "x"))
        path.write_text(text.replace("RATE", str(rate)))
        return str(path)

    record_script(tmp_path / "run.parity", [script(0.3)], steps=range(2))
    assert check_script(tmp_path / "run.parity", [script(0.3)]).passed
    report = check_script(tmp_path / "run.parity", [script(0.4)])
    assert report.first_divergence is not None
    assert report.first_divergence.phase == "forward"
