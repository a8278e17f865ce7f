"""A language model with an LSTM and its port: integer inputs, tied weights, several outputs.

The decoder shares the weight of the embedding: one parameter with two uses, whose gradient is the
sum of both. Two layers of Jittor differ from PyTorch's of the same name and are corrected below:
`nn.LSTM(batch_first=True)` returns its output time first, and `nn.Embedding(padding_idx=…)` trains
the row of the padding token. With Jittor's own instead, the harness finds both.
"""

from __future__ import annotations

from typing import Any

import jittor as jt
import numpy as np
import torch
from faults import inject
from seeded import seeded
from torch import nn

from parity import Pair

WORDS = 11
EMBEDDED = 6
HIDDEN = 8
PADDING = 0

State = tuple[Any, Any]


class TorchModel(nn.Module):
    """Predicts the next token; the decoder shares the embedding's weight."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, EMBEDDED, padding_idx=PADDING)
        self.lstm = nn.LSTM(EMBEDDED, HIDDEN, batch_first=True)
        self.project = nn.Linear(HIDDEN, EMBEDDED)
        self.decoder = nn.Linear(EMBEDDED, WORDS)
        self.decoder.weight = self.embed.weight

    def forward(
        self, tokens: torch.Tensor, h: torch.Tensor, c: torch.Tensor
    ) -> tuple[torch.Tensor, State]:
        """Map tokens (N, T) and a state of two (1, N, HIDDEN) to logits (N, T, WORDS), state."""
        output, state = self.lstm(self.embed(tokens), (h, c))
        return self.decoder(torch.tanh(self.project(output))), state


class Embedding(jt.nn.Embedding):
    """Jittor's Embedding, without a gradient for the row of the padding token."""

    def execute(self, x: jt.Var) -> jt.Var:
        """Map tokens (N, T) to rows (N, T, EMBEDDED)."""
        rows = super().execute(x)
        padding = (x == self.padding_idx).unsqueeze(-1).broadcast(rows)
        return jt.ternary(padding, rows.detach(), rows)


class LSTM(jt.nn.LSTM):
    """Jittor's LSTM with its output batch first, like its input."""

    def execute(self, input: jt.Var, hx: State) -> tuple[jt.Var, State]:
        """Map (N, T, EMBEDDED) and a state to (N, T, HIDDEN) and the next state."""
        output, state = super().execute(input, hx)
        return output.permute(1, 0, 2), state


class JittorModel(jt.nn.Module):
    """Predicts the next token; the decoder shares the embedding's weight."""

    def __init__(self, embedding: Any = Embedding, lstm: Any = LSTM) -> None:
        self.embed = embedding(WORDS, EMBEDDED, padding_idx=PADDING)
        self.lstm = lstm(EMBEDDED, HIDDEN, batch_first=True)
        self.project = jt.nn.Linear(HIDDEN, EMBEDDED)
        self.decoder = jt.nn.Linear(EMBEDDED, WORDS)
        self.decoder.weight = self.embed.weight

    def execute(self, tokens: jt.Var, h: jt.Var, c: jt.Var) -> tuple[jt.Var, State]:
        """Map tokens (N, T) and a state of two (1, N, HIDDEN) to logits (N, T, WORDS), state."""
        output, state = self.lstm(self.embed(tokens), (h, c))
        return self.decoder(jt.tanh(self.project(output))), state


def inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw three sequences of five tokens, two of them padded at the end, and an initial state."""
    tokens = rng.integers(1, WORDS, (3, 5))
    tokens[0, 3:] = tokens[1, 4:] = PADDING
    return {
        "tokens": tokens,
        "h": rng.standard_normal((1, 3, HIDDEN), np.float32),
        "c": rng.standard_normal((1, 3, HIDDEN), np.float32),
    }


pair = Pair(
    name="LSTM language model",
    reference=seeded(TorchModel),
    candidate=JittorModel,
    inputs=inputs,
    training=True,
)


class OtherGates(LSTM):
    """Reads the gates in another library's order: input, forget, output, cell."""

    def call_rnn_cell(self, input: jt.Var, hidden: State, suffix: str) -> tuple[jt.Var, State]:
        """Map (N, EMBEDDED) and a state to (N, HIDDEN) and the next state."""
        h, c = hidden
        y = jt.nn.linear(input, self.weight_ih_l0, self.bias_ih_l0)
        y = y + jt.nn.linear(h, self.weight_hh_l0, self.bias_hh_l0)
        i, f, o, g = y.chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return h, (h, c)


class CutDecoder(jt.nn.Linear):
    """Uses its weight without a gradient."""

    def execute(self, x: jt.Var) -> jt.Var:
        """Map (N, T, EMBEDDED) to (N, T, WORDS)."""
        return jt.nn.linear(x, self.weight.detach(), self.bias)


def cut_tie() -> JittorModel:
    """Build the port with a decoder that sends no gradient to the shared weight."""
    model = JittorModel()
    model.decoder = CutDecoder(EMBEDDED, WORDS)
    model.decoder.weight = model.embed.weight
    return model


FAULTS = {
    "time first": inject(
        pair,
        "output time first",
        "lstm",
        "forward",
        candidate=lambda: JittorModel(lstm=jt.nn.LSTM),
    ),
    "gates": inject(
        pair, "other gates", "lstm", "forward", candidate=lambda: JittorModel(lstm=OtherGates)
    ),
    "padding": inject(
        pair,
        "trained padding",
        "embed",
        "backward",
        candidate=lambda: JittorModel(embedding=jt.nn.Embedding),
    ),
    # A shared parameter is reported under its first name, wherever the gradient was lost.
    "tie": inject(pair, "cut tie", "embed", "backward", candidate=cut_tie),
}
