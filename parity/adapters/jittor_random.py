"""Random draws in Jittor: counted, and made from the caller's numbers where it gives them.

All of Jittor's random functions draw by `jt.random`. Those whose formula differs from that of
`torch_random` are written out as there: `bernoulli(p)` is u >= 1 - p, and `init.uniform` is
low + u (high - low). What calls `jt.ops.random` itself is not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jittor as jt
import numpy as np

from parity.adapters.jittor_casts import replaced
from parity.adapters.protocol import Family, RandomSource


@contextmanager
def random_from(source: RandomSource) -> Iterator[None]:
    """Ask a source at every draw inside the block.

    Args:
        source: see `parity.adapters.protocol.RandomSource`.
    """
    native = jt.random

    def random(shape: Any, dtype: Any = "float32", type: str = "uniform") -> Any:
        family: Family = "normal" if type == "normal" else "uniform"
        array = source(family, tuple(int(size) for size in shape))
        if array is None:
            return native(shape, dtype, type)
        drawn = jt.Var(np.ascontiguousarray(array)).stop_grad()
        return drawn.cast(native_dtype)

    # `jt.random` draws float32 whatever it is asked for; in a float64 run the harness casts that.
    native_dtype = native([1]).dtype

    def bernoulli(x: Any) -> Any:
        return (jt.random(x.shape, x.dtype) >= 1 - x).cast(x.dtype)

    def uniform(shape: Any, dtype: Any = "float32", low: Any = 0, high: Any = 1) -> Any:
        return jt.random(jt.NanoVector(shape), dtype) * (high - low) + low

    replacements = [
        (jt, "random", random),
        (jt, "bernoulli", bernoulli),
        (jt.misc, "bernoulli", bernoulli),
        (jt.init, "uniform", uniform),
    ]
    with replaced(replacements):
        yield
