"""Embedding with PyTorch's padding and checks."""

from __future__ import annotations

from typing import Any

import jittor as jt
import numpy as np


def embedding(input: Any, weight: Any, padding_idx: int | None = None) -> Any:
    """Return rows of a table (`torch.nn.functional.embedding`).

    Args:
        input: indices, integers of any shape.
        weight: (num_embeddings, embedding_dim).
        padding_idx: row that gets no gradient; a negative one counts from the end.

    Raises:
        RuntimeError: the indices are no integers.
        IndexError: an index is out of range, where Jittor reads other memory. On a GPU nothing is
            checked, for that would wait for it.
    """
    if input.dtype.is_float() or input.dtype == "bool":
        raise RuntimeError(f"embedding expects integers, but got {input.dtype}")
    count = weight.shape[0]
    if not jt.flags.use_cuda and input.numel():
        indices = input.numpy()
        if indices.min() < 0 or indices.max() >= count:
            wrong = indices.min() if indices.min() < 0 else indices.max()
            raise IndexError(f"index {wrong} is out of range in an embedding of {count} rows")
    rows = weight[input]
    if padding_idx is None:
        return rows
    is_padding = (input == _row(padding_idx, count)).unsqueeze(-1).broadcast(rows)
    return jt.ternary(is_padding, rows.detach(), rows)


def _row(index: int, count: int) -> int:
    if not -count <= index < count:
        raise ValueError(f"padding_idx={index} must be within the {count} rows")
    return index % count


class Embedding(jt.nn.Module):
    """`torch.nn.Embedding`: integers of any shape (*) to (*, embedding_dim).

    Jittor's own trains the row of `padding_idx`, and reads other memory for an index that is out
    of range. `max_norm`, `scale_grad_by_freq` and `sparse` are not here.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        _weight: Any = None,
    ) -> None:
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else _row(padding_idx, num_embeddings)
        if _weight is None:
            values = jt.init.gauss((num_embeddings, embedding_dim), "float32")
            if self.padding_idx is not None:
                kept = np.arange(num_embeddings)[:, None] != self.padding_idx
                values = values * jt.array(kept.astype(np.float32))
            _weight = values.detach()
            _weight.start_grad()
        self.weight = _weight

    @classmethod
    def from_pretrained(
        cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None
    ) -> Embedding:
        """Make a layer of a table (num_embeddings, embedding_dim); it is not trained if frozen."""
        weight = embeddings.detach()
        if not freeze:
            weight.start_grad()
        else:
            weight.stop_grad()
        rows, size = embeddings.shape
        return cls(rows, size, padding_idx, _weight=weight)

    def execute(self, input: Any) -> Any:
        """Look up the rows."""
        return embedding(input, self.weight, self.padding_idx)
