"""Groups of numbers in any layout are normalised as NumPy does it in float64."""

from __future__ import annotations

import numpy as np
import pytest

from jittor_env.compat import numerics
from jittor_env.compat.normalization import Layout, normalize_groups
from tests.jittor_env.compat.comparison import jt, precision

LAYOUTS = [Layout(4, 3, 5, 3, 1), Layout(40, 19, 1, 19, 1), Layout(1, 8, 15, 2, 3)]
EPSILON = 1e-3


@pytest.mark.parametrize("kernels", [True, False], ids=["kernels", "operators"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_values_and_moments_are_numpys(
    layout: Layout, kernels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kernels:
        monkeypatch.setattr(numerics, "has_kernels", lambda *tensors: False)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((layout.blocks, layout.rows, layout.length)) * 2 + 5
    weight, bias = rng.standard_normal((2, layout.periods * layout.weights))
    means, variances = x.mean((0, 2)), x.var((0, 2))
    which = np.array(
        [
            [r % layout.periods * layout.weights + i * layout.weights // layout.length
             for i in range(layout.length)]
            for r in range(layout.rows)
        ]
    )  # fmt: skip
    normal = (x - means[:, None]) / np.sqrt(variances + EPSILON)[:, None]
    with precision("float64"):
        given = [jt.array64(array) for array in (x, weight, bias)]
        found = [v.numpy() for v in normalize_groups(*given, layout, EPSILON)]
    for actual, expected in zip(
        found, (normal * weight[which] + bias[which], means, variances), strict=True
    ):
        np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)
