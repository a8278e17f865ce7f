"""Every row of a batch belongs to one process, and every row has the same weight."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddpm import streams
from ddpm.errors import InputError
from ddpm.shards import shard

batches = st.integers(1, 200).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n)))


def shards(batch_size, size):
    return [shard(batch_size, rank, size) for rank in range(size)]


@given(batches)
def test_the_shares_of_all_processes_are_the_batch_in_order(sizes):
    batch = np.arange(sizes[0])
    shares = [rows.of(batch) for rows in shards(*sizes)]
    assert np.concatenate(shares).tolist() == batch.tolist()
    lengths = [len(share) for share in shares]
    assert max(lengths) - min(lengths) <= 1
    assert min(lengths) >= 1


@given(batches)
def test_the_mean_of_weighted_means_is_the_mean_of_the_batch(sizes):
    values = np.random.default_rng(sizes).standard_normal(sizes[0])
    means = [rows.of(values).mean() * rows.weight(sizes[1]) for rows in shards(*sizes)]
    # Each of the two sums rounds at most once for each of its terms.
    bound = 2 * sizes[0] * np.finfo(float).eps * np.abs(values).mean()
    assert abs(np.mean(means) - values.mean()) <= bound
    weights = [rows.weight(sizes[1]) for rows in shards(*sizes)]
    assert sum(weights) == pytest.approx(sizes[1], rel=1e-12)


def test_means_that_are_not_weighted_are_another_mean():
    values = np.array([0.0, 3.0, 6.0])
    means = [rows.of(values).mean() for rows in shards(3, 2)]
    assert np.mean(means) != values.mean()


@given(batches)
def test_a_share_s_dropout_masks_are_its_rows_of_the_whole_batch_s(sizes):
    key = {"seed": 3, "step": 7, "layer": "down.0"}
    of_batch = streams.dropout_mask((sizes[0], 2, 3), 0.5, **key)
    masks = [
        rows.dropout_mask((rows.stop - rows.start, 2, 3), 0.5, **key) for rows in shards(*sizes)
    ]
    assert np.array_equal(np.concatenate(masks), of_batch)


def test_more_processes_than_rows_are_refused():
    with pytest.raises(InputError, match=r"^5 processes cannot share a batch of 4; .*-size 5"):
        shard(4, 0, 5)
