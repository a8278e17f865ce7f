"""What a judgement costs: `parity.check` of a U-Net against itself, and the bare passes in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from ddpm.config import RunConfig
from impl_torch.unet import UNet
from parity import Pair, check
from parity.ddpm_pairs import unet_pair

BATCH = 2


def make(subject: str, options: dict[str, Any]) -> Callable[[], None]:
    """Return one judgement, or as many bare passes as one makes.

    Args:
        subject: `judgement`.
        options: `judged`; `config`, a `RunConfig` as plain values.
    """
    config = RunConfig.from_dict(options["config"]).unet
    counts: Counter[torch.dtype] = Counter()

    def build() -> nn.Module:
        model = UNet(config).initialize(0)
        model.register_forward_pre_hook(lambda module, _: counts.update([_dtype(module)]))
        return model

    ours = unet_pair("cost", config, BATCH, probes=("plain",))
    pair = Pair(
        name=ours.name,
        reference=build,
        candidate=build,
        inputs=ours.inputs,
        training=True,
        probes=ours.probes,
    )

    def judge() -> None:
        report = check(pair)
        if not report.passed:
            raise RuntimeError(f"a U-Net differs from itself: {report.first_divergence}")

    if options["judged"]:
        return judge
    judge()
    models = {dtype: UNet(config).initialize(0).to(dtype) for dtype in counts}
    given = {name: torch.from_numpy(x) for name, x in _inputs(pair).items()}
    passes = dict(counts)

    def bare() -> None:
        for dtype, count in passes.items():
            for _ in range(count):
                out = models[dtype](given["x"].to(dtype), given["timestep"])
                out.sum().backward()

    return bare


def _dtype(module: nn.Module) -> torch.dtype:
    return next(module.parameters()).dtype


def _inputs(pair: Pair) -> dict[str, Any]:
    return dict(pair.inputs(np.random.default_rng(0)))
