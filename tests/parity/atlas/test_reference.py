"""Compare PyTorch in float64, the reference of the atlas, with mpmath at 40 digits."""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from parity.atlas.backends import Backend
from parity.atlas.cases import draw_inputs
from parity.atlas.catalogue import find
from parity.atlas.finding import OUTPUT
from parity.limits import K

EXACT: dict[str, Callable[[mpmath.mpf], mpmath.mpf]] = {
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "softplus": lambda x: x if x > 20 else mpmath.log1p(mpmath.exp(x)),
    "log_sigmoid": lambda x: -mpmath.log1p(mpmath.exp(-x)),
    "gelu": lambda x: x * mpmath.ncdf(x),
    "mish": lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
    "elu": lambda x: x if x > 0 else mpmath.expm1(x) / 2,
    "tanh": mpmath.tanh,
    "erf": mpmath.erf,
    "expm1": mpmath.expm1,
    "asinh": mpmath.asinh,
}


@pytest.mark.parametrize("case", ["ordinary", "tiny magnitude"])
@pytest.mark.parametrize("name", EXACT)
def test_the_reference_is_accurate_to_float64(name: str, case: str, reference: Backend) -> None:
    entry = find("activations", name)
    inputs = draw_inputs(entry, case)
    output = reference.run(entry.torch, inputs, "float64", gradient=False).arrays[OUTPUT]
    with mpmath.workdps(40):
        exact = [EXACT[name](mpmath.mpf(float(x))) for x in inputs["x"].ravel()]
        errors = [abs(mpmath.mpf(float(y)) - e) for y, e in zip(output.ravel(), exact, strict=True)]
        assert max(errors) <= K * 2.0**-53 * max(map(abs, exact))
    assert np.isfinite(output).all()
