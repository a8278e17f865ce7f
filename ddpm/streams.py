"""The one random source: named, counter-based streams that both frameworks read.

PyTorch and Jittor draw different numbers from the same seed, and Jittor's draws depend on the order
of evaluation. So every number that decides a result comes from here: a NumPy Philox generator keyed
by (seed, purpose, index). The same key gives the same bits in any framework, any process and any
order, and a resumed run continues exactly, because no generator carries state from step to step.

>>> noise((2, 3), seed=0, step=7).shape
(2, 3)
>>> bool((noise((4,), seed=0, step=7) == noise((4,), seed=0, step=7)).all())
True
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Purpose = Literal["init", "shuffle", "timestep", "noise", "dropout", "sampler", "flip", "probe"]
Float32 = NDArray[np.float32]


def stream(seed: int, purpose: Purpose, *index: int | str) -> np.random.Generator:
    """Return the generator of one key.

    Args:
        seed: the run's seed, any integer.
        purpose: the use of the numbers; streams of different purposes are independent.
        index: distinguishes draws of one purpose, such as a step or a parameter's name.

    Returns:
        A fresh Philox4x64 generator whose 128-bit key is the BLAKE2b digest of all of the key
        (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
    """
    # A NumPy integer is the same key as Python's, although its repr is not in every version.
    plain = (i if isinstance(i, str) else int(i) for i in index)
    text = "/".join(map(repr, (int(seed), purpose, *plain)))
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def initial_weight(shape: tuple[int, ...], *, seed: int, name: str, bound: float) -> Float32:
    """Draw a parameter from U(-bound, bound), float32, keyed by its name and not by its place."""
    draw = stream(seed, "init", name).uniform(-bound, bound, shape)
    return np.asarray(draw, np.float32)


def permutation(size: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the order in which an epoch visits `size` samples, int64 (size,)."""
    return stream(seed, "shuffle", epoch).permutation(size)


def timesteps(batch_size: int, T: int, *, seed: int, step: int) -> NDArray[np.int64]:
    """Draw t ~ U{0, …, T-1} for each sample of a training step, int64 (batch_size,)."""
    return stream(seed, "timestep", step).integers(0, T, batch_size)


def noise(shape: tuple[int, ...], *, seed: int, step: int) -> Float32:
    """Draw the epsilon ~ N(0, I) that a training step adds, float32 of `shape`."""
    return stream(seed, "noise", step).standard_normal(shape, np.float32)


def flips(batch_size: int, *, seed: int, step: int) -> NDArray[np.bool_]:
    """Draw which samples of a training step are mirrored left to right, bool (batch_size,)."""
    return stream(seed, "flip", step).random(batch_size) < 0.5


def dropout_mask(
    shape: tuple[int, ...], rate: float, *, seed: int, step: int, layer: str
) -> NDArray[np.bool_]:
    """Draw which elements a dropout layer keeps at a training step, bool of `shape`.

    Each has 32 bits of its own: the rate is kept to 2^-32, in a fifth of the time of real draws.
    """
    drawn = stream(seed, "dropout", step, layer).bytes(4 * math.prod(shape))
    return (np.frombuffer(drawn, "<u4") >= np.uint32(rate * 2**32)).reshape(shape)


def sampler_noise(
    samples: Iterable[int], shape: tuple[int, ...], *, seed: int, timestep: int
) -> Float32:
    """Draw the reverse chain's N(0, I) at one timestep, float32 (len(samples), *shape).

    Keyed by each sample's own number, so that an image does not depend on its batch.
    `timestep` T stands for the start x_T, T-1 … 1 for the steps that add noise.
    """
    rows = [
        stream(seed, "sampler", timestep, int(i)).standard_normal(shape, np.float32)
        for i in samples
    ]
    return np.stack(rows)
