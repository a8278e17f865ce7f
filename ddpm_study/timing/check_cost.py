"""The cost of `parity.check` on a U-Net against itself, beside that of its plain passes.

A pass is a forward call, with its backward pass where the comparison makes one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from ddpm.config import RunConfig
from ddpm_study.pairs import unet_pair
from impl_torch.unet import UNet
from parity import Pair, check

BATCH = 2


def make(benchmark: str, options: dict[str, Any]) -> Callable[[], None]:
    """Return a function that makes one comparison, or as many plain passes as one makes.

    Args:
        benchmark: `check`.
        options: `compared`, whether to compare; `config`, a `RunConfig` as plain values.
    """
    config = RunConfig.from_dict(options["config"]).unet
    forward: Counter[torch.dtype] = Counter()
    backward: Counter[torch.dtype] = Counter()

    def count(_: nn.Module, __: object, out: torch.Tensor) -> None:
        forward[out.dtype] += 1
        out.register_hook(lambda gradient: backward.update([gradient.dtype]))

    def build() -> nn.Module:
        model = UNet(config).initialize(0)
        # An inner module, which gradients pass also in a run that is cut at every module.
        model.conv_in.register_forward_hook(count)
        return model

    mirrored = unet_pair("cost", config, BATCH, stress_inputs=("plain",))
    pair = Pair(
        name=mirrored.name,
        reference=build,
        candidate=build,
        inputs=mirrored.inputs,
        training=True,
        stress_inputs=mirrored.stress_inputs,
    )

    def compare() -> None:
        report = check(pair)
        if not report.passed:
            raise RuntimeError(f"a U-Net differs from itself: {report.first_divergence}")

    if options["compared"]:
        return compare
    compare()  # counts the passes
    models = {dtype: UNet(config).initialize(0).to(dtype) for dtype in forward}
    inputs = {name: torch.from_numpy(x) for name, x in _inputs(pair).items()}

    def plain_passes() -> None:
        for dtype, model in models.items():
            for number in range(forward[dtype]):
                out = model(inputs["x"].to(dtype), inputs["timestep"])
                if number < backward[dtype]:
                    out.sum().backward()

    return plain_passes


def _inputs(pair: Pair) -> dict[str, Any]:
    return dict(pair.inputs(np.random.default_rng(0)))
