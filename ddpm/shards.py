"""Several processes, one run: which rows of each batch are whose.

Every process draws the random numbers of the whole batch and takes the rows of its own share, so
that however many there are, the run is the same up to the order in which its sums are taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ddpm import streams
from ddpm.errors import InputError


@dataclass(frozen=True)
class Shard:
    """The rows `start` to `stop` (exclusive) of a batch of `batch_size`.

    >>> [(s.start, s.stop) for s in shards(5, 2)]
    [(0, 2), (2, 5)]
    """

    start: int
    stop: int
    batch_size: int

    def of(self, batch: np.ndarray) -> np.ndarray:
        """Return these rows of an array (batch_size, …)."""
        return batch[self.start : self.stop]

    def dropout_mask(
        self, shape: tuple[int, ...], rate: float, *, seed: int, step: int, layer: str
    ) -> np.ndarray:
        """Return these rows of `streams.dropout_mask` for the whole batch, bool of `shape`."""
        whole = (self.batch_size, *shape[1:])
        return self.of(streams.dropout_mask(whole, rate, seed=seed, step=step, layer=layer))

    def weight(self, size: int) -> float:
        """Return what makes the mean of `size` shards' own means the mean of the batch."""
        return (self.stop - self.start) * size / self.batch_size


def shard(batch_size: int, rank: int, size: int) -> Shard:
    """Return the share of process `rank` of `size`: one row more or fewer than any other's.

    Raises:
        InputError: there are more processes than rows.
    """
    if size > batch_size:
        raise InputError(
            f"{size} processes cannot share a batch of {batch_size}; start fewer, or give"
            f" --batch-size {size} or more"
        )
    return Shard(rank * batch_size // size, (rank + 1) * batch_size // size, batch_size)


def shards(batch_size: int, size: int) -> Iterator[Shard]:
    """Yield every process's share in order."""
    return (shard(batch_size, rank, size) for rank in range(size))
