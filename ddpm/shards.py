"""The rows of a batch that each of several processes works on.

Every process draws the random numbers of the whole batch and takes those of its own rows, so that
any number of processes computes the same run, up to the order of its sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ddpm import streams
from ddpm.errors import InputError


@dataclass(frozen=True)
class Shard:
    """The rows `start` to `stop` (exclusive) of a batch of `batch_size`."""

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
        of_batch = (self.batch_size, *shape[1:])
        return self.of(streams.dropout_mask(of_batch, rate, seed=seed, step=step, layer=layer))

    def weight(self, size: int) -> float:
        """Return the factor by which the mean of `size` shards' own means is the batch's mean."""
        return (self.stop - self.start) * size / self.batch_size


def shard(batch_size: int, rank: int, size: int) -> Shard:
    """Return the rows of process `rank` of `size`; the numbers of rows differ by at most one.

    >>> shard(5, 0, 2), shard(5, 1, 2)
    (Shard(start=0, stop=2, batch_size=5), Shard(start=2, stop=5, batch_size=5))

    Raises:
        InputError: there are more processes than rows.
    """
    if size > batch_size:
        raise InputError(
            f"{size} processes cannot share a batch of {batch_size}; start fewer, or give"
            f" --batch-size {size} or more"
        )
    return Shard(rank * batch_size // size, (rank + 1) * batch_size // size, batch_size)
