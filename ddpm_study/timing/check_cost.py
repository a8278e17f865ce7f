"""What a judgement costs: `parity.check` of a U-Net against itself, and the bare passes in it.

A pass is a forward call, with its backward pass where the judgement makes one.
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


def make(subject: str, options: dict[str, Any]) -> Callable[[], None]:
    """Return one judgement, or as many bare passes as one makes.

    Args:
        subject: `judgement`.
        options: `judged`; `config`, a `RunConfig` as plain values.
    """
    config = RunConfig.from_dict(options["config"]).unet
    forward: Counter[torch.dtype] = Counter()
    backward: Counter[torch.dtype] = Counter()

    def count(_: nn.Module, __: object, out: torch.Tensor) -> None:
        forward[out.dtype] += 1
        out.register_hook(lambda gradient: backward.update([gradient.dtype]))

    def build() -> nn.Module:
        model = UNet(config).initialize(0)
        # Inside, where gradients pass in a run that is cut at the outputs as well.
        model.conv_in.register_forward_hook(count)
        return model

    ours = unet_pair("cost", config, BATCH, stress_inputs=("plain",))
    pair = Pair(
        name=ours.name,
        reference=build,
        candidate=build,
        inputs=ours.inputs,
        training=True,
        stress_inputs=ours.stress_inputs,
    )

    def judge() -> None:
        report = check(pair)
        if not report.passed:
            raise RuntimeError(f"a U-Net differs from itself: {report.first_divergence}")

    if options["judged"]:
        return judge
    judge()
    models = {dtype: UNet(config).initialize(0).to(dtype) for dtype in forward}
    given = {name: torch.from_numpy(x) for name, x in _inputs(pair).items()}

    def bare() -> None:
        for dtype, model in models.items():
            for number in range(forward[dtype]):
                out = model(given["x"].to(dtype), given["timestep"])
                if number < backward[dtype]:
                    out.sum().backward()

    return bare


def _inputs(pair: Pair) -> dict[str, Any]:
    return dict(pair.inputs(np.random.default_rng(0)))
