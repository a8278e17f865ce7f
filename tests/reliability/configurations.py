"""Configurations, as a checkpoint holds them, with options out of range or of another type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.reliability import bases
from tests.reliability.case import (
    EITHER,
    REFUSED,
    Case,
    always,
    copied,
    generator,
    holding,
    together,
)
from tests.reliability.checkpoints import _assembled, split

KIND = "configurations"
_NAME = "bad.safetensors"
_WRONG: tuple[Any, ...] = (
    *(None, "", "1", "x", [], [1], {}, {"a": 1}, True, False, -1, -(10**12), 10**12, 10**30, 1e308),
    *(0, 0.5, -0.5, 1.5, float("nan"), float("inf"), float("-inf"), [[]], [None], ["1"], [-1], [0]),
)
# Option -> what it takes, said again here so that the code under test does not judge itself.
_COUNT = "a count"
_RATE, _POSITIVE, _YES = "a number from 0 to below 1", "a number above 0", "true or false"
_COUNTS, _PAIR, _SEED = "counts", "two rates", "an integer"
OPTIONS: dict[str, dict[str, Any]] = {
    "unet": {
        "image_size": _COUNT,
        "image_channels": _COUNT,
        "base_channels": _COUNT,
        "channel_multipliers": _COUNTS,
        "blocks_per_level": _COUNT,
        "attention_resolutions": _COUNTS,
        "norm_groups": _COUNT,
        "norm_epsilon": _POSITIVE,
        "dropout": _RATE,
    },
    "diffusion": {
        "T": _COUNT,
        "schedule": ("linear", "cosine"),
        "beta_start": _RATE,
        "beta_end": _RATE,
        "variance": ("fixed_small", "fixed_large"),
        "clip": _YES,
    },
    "train": {
        "epochs": _COUNT,
        "batch_size": _COUNT,
        "lr": _POSITIVE,
        "warmup_steps": _SEED,
        "betas": _PAIR,
        "epsilon": _POSITIVE,
        "clip_norm": _POSITIVE,
        "ema_decay": _RATE,
        "flip": _YES,
        "seed": _SEED,
    },
    "sample": {
        "num_samples": _COUNT,
        "batch_size": _COUNT,
        "seed": _SEED,
        "sampler": ("ddpm", "ddim", "dpm-solver++", "heun"),
        "steps": (None,),
        "eta": (None,),
        "spacing": ("linspace", "leading", "trailing"),
    },
}
_HUGE = 10**9  # a count that no machine holds


def cases(folder: Path) -> Iterator[Case]:
    """Yield every case; `folder` holds the bases."""
    content = (folder / "good.safetensors").read_bytes()
    header, values = split(content)
    config = json.loads(header["__metadata__"]["config"])
    data = copied(folder / "good.npz", "data/good_processed.npz")
    numbered = 0

    def case(name: str, changed: Any, answer: str) -> Case:
        nonlocal numbered
        numbered += 1
        metadata = {**header["__metadata__"], "config": json.dumps(changed)}
        made = _assembled({**header, "__metadata__": metadata}, values)
        words: tuple[str, ...] = ("ddpm", "sample", "--ckpt", _NAME, "--num-samples", "1")
        words += ("--steps", "1")
        if numbered % 5 == 0:
            words = (*bases.TRAIN, "--epochs", "2", "--resume", _NAME)
        return Case(
            kind=KIND,
            name=name,
            words=words,
            write=together(data, holding(_NAME, made)),
            rule=always(answer),
        )

    random = generator(KIND)
    for part, options in OPTIONS.items():
        for option, form in options.items():
            chosen = random.choice(len(_WRONG), 15, replace=False).tolist()
            for value in (_WRONG[i] for i in sorted(chosen)):
                changed = {**config, part: {**config[part], option: value}}
                yield case(f"{part}.{option} = {value!r}", changed, _answer(value, form, part))
            for value in (10**12,):
                if form == _COUNT and value not in (_WRONG[i] for i in chosen):
                    changed = {**config, part: {**config[part], option: value}}
                    yield case(f"{part}.{option} = {value!r}", changed, _answer(value, form, part))
        for value in (None, [], "x", 5):
            yield case(f"{part} = {value!r}", {**config, part: value}, REFUSED)
        yield case(f"{part} with more", {**config, part: {**config[part], "more": 1}}, REFUSED)
        without = {name: value for name, value in config.items() if name != part}
        yield case(f"without {part}", without, REFUSED)
    for value in (None, [], "x", 5, {}, {**config, "more": {}}):
        yield case(f"the configuration is {str(value)[:12]}", value, REFUSED)


def _answer(value: Any, form: Any, part: str) -> str:
    """Say what is right for a value of an option; a fit one may not fit the tensors."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    is_finite = is_number and abs(value) < float("inf")
    if isinstance(form, tuple):
        return EITHER if value in form and not isinstance(value, bool) else REFUSED
    if form in (_COUNT, _SEED) and (not isinstance(value, int) or isinstance(value, bool)):
        return REFUSED
    fits = {
        _COUNT: lambda: 1 <= value < _HUGE or (part == "sample" and value >= 1),
        _SEED: lambda: True,
        _RATE: lambda: is_finite and 0 <= value < 1,
        _POSITIVE: lambda: is_finite and value > 0,
        _YES: lambda: isinstance(value, bool),
        _COUNTS: lambda: (
            isinstance(value, list)
            and all(isinstance(v, int) and not isinstance(v, bool) and v >= 1 for v in value)
        ),
        _PAIR: lambda: False,
    }[form]()
    return EITHER if fits else REFUSED
