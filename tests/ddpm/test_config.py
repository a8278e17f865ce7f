"""Configurations: every bad option is named, and all survive JSON."""

import dataclasses
import itertools
import json
import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddpm.config import PRESETS, DiffusionConfig, RunConfig, SampleConfig, TrainConfig, preset
from ddpm.errors import InputError

NOT_NUMBERS = st.sampled_from([None, "3", True, math.nan, math.inf, [1]])
NOT_WHOLE = NOT_NUMBERS | st.floats(0.1, 9) | st.integers(max_value=0)
NOT_POSITIVE = NOT_NUMBERS | st.floats(max_value=0, allow_nan=False) | st.integers(max_value=0)
NOT_FRACTION = NOT_NUMBERS | st.floats(min_value=1) | st.floats(max_value=-1e-9)
NOT_SWITCH = st.sampled_from([None, 0, 1, "yes"])
NOT_WHOLES = st.sampled_from([(0,), (1.5,), [1, 2], 3, None, "12", (True,)])

BAD = {
    ("unet", "image_size"): NOT_WHOLE,
    ("unet", "image_channels"): NOT_WHOLE,
    ("unet", "base_channels"): NOT_WHOLE | st.sampled_from([6, 10]),  # 4 groups
    ("unet", "channel_multipliers"): NOT_WHOLES | st.just(()),
    ("unet", "blocks_per_level"): NOT_WHOLE,
    ("unet", "attention_resolutions"): NOT_WHOLES,
    ("unet", "norm_groups"): NOT_WHOLE,
    ("unet", "norm_epsilon"): NOT_POSITIVE,
    ("unet", "dropout"): NOT_FRACTION,
    ("diffusion", "T"): NOT_WHOLE,
    ("diffusion", "schedule"): st.sampled_from(["quadratic", None, ["linear"]]),
    ("diffusion", "beta_start"): NOT_FRACTION | st.just(0.0) | st.just(0.5),
    ("diffusion", "beta_end"): NOT_FRACTION | st.just(1e-9),
    ("diffusion", "variance"): st.sampled_from(["learned", None]),
    ("diffusion", "clip"): NOT_SWITCH,
    ("train", "epochs"): NOT_WHOLE,
    ("train", "batch_size"): NOT_WHOLE,
    ("train", "lr"): NOT_POSITIVE,
    ("train", "warmup_steps"): NOT_NUMBERS | st.integers(max_value=-1) | st.just(0.5),
    ("train", "betas"): st.sampled_from([(0.9,), (0.9, 1.0), (-0.1, 0.9), 0.9, [0.9, 0.9], None]),
    ("train", "epsilon"): NOT_POSITIVE,
    ("train", "clip_norm"): NOT_POSITIVE,
    ("train", "ema_decay"): NOT_FRACTION,
    ("train", "flip"): NOT_SWITCH,
    ("train", "seed"): st.sampled_from([None, "0", 0.5, True]),
    ("sample", "num_samples"): NOT_WHOLE,
    ("sample", "batch_size"): NOT_WHOLE,
    ("sample", "seed"): st.sampled_from([None, "0", 0.5, True]),
    ("sample", "sampler"): st.sampled_from(["euler", None, 3]),
    ("sample", "steps"): st.sampled_from(["3", True, 0.5, [1]])
    | st.integers(max_value=0)
    | st.just(101),
    ("sample", "eta"): st.sampled_from([-0.1, 1.1, math.nan, "1", True, [1], 0.5]),  # ddpm has none
    ("sample", "spacing"): st.sampled_from(["uniform", None, 3]),
}


def test_every_option_has_bad_values_to_try():
    config = preset("tiny")
    options = {(part, option) for part, values in config.to_dict().items() for option in values}
    assert options == set(BAD)


@pytest.mark.parametrize(("part", "option"), BAD)
@given(data=st.data())
def test_any_single_bad_option_is_refused_by_name(part, option, data):
    value = data.draw(BAD[part, option])
    with pytest.raises(InputError) as caught:
        preset("tiny").with_(**{part: {option: value}})
    text = str(caught.value)
    assert "\n" not in text
    assert option in text
    assert repr(value) in text
    assert "must be" in text


@pytest.mark.parametrize("option", ["lr", "epsilon", "clip_norm"])
def test_infinity_is_refused(option, refuses):
    with refuses(f"{option} = inf", "a number above 0 and at most 1e15"):
        preset("tiny").with_(train={option: math.inf})


GOOD = st.builds(
    lambda diffusion, train, sample, name: dataclasses.replace(
        preset(name), diffusion=diffusion, train=train, sample=sample
    ),
    diffusion=st.builds(
        DiffusionConfig,
        T=st.integers(1, 4000),
        schedule=st.sampled_from(["linear", "cosine"]),
        beta_start=st.floats(1e-6, 1e-2),
        beta_end=st.floats(1e-2, 0.99),
        variance=st.sampled_from(["fixed_small", "fixed_large"]),
        clip=st.booleans(),
    ),
    train=st.builds(
        TrainConfig,
        lr=st.floats(1e-9, 10),
        betas=st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)),
        seed=st.integers(-(2**70), 2**70),
        flip=st.booleans(),
    ),
    sample=st.builds(
        SampleConfig, num_samples=st.integers(1, 10**6), seed=st.integers(-(2**255), 2**255)
    ),
    name=st.sampled_from(sorted(PRESETS)),
)


@given(GOOD)
def test_a_configuration_survives_json(config):
    assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_are_consistent(name):
    unet = preset(name).unet
    assert len(unet.level_channels) == len(unet.level_resolutions)
    assert unet.level_resolutions[0] == unet.image_size
    assert set(unet.attention_resolutions) <= set(unet.level_resolutions)
    assert unet.time_channels == 4 * unet.base_channels


def test_cifar10_is_the_papers():
    config = preset("cifar10")
    assert config.unet.level_channels == (128, 256, 256, 256)
    assert config.unet.level_resolutions == (32, 16, 8, 4)
    assert (config.diffusion.T, config.diffusion.beta_start, config.diffusion.beta_end) == (
        1000,
        1e-4,
        0.02,
    )


def test_an_image_size_that_does_not_halve_is_refused(refuses):
    with refuses("image_size = 27", "a multiple of 2, for 2 levels"):
        preset("tiny").with_(unet={"image_size": 27})


def test_unknown_presets_options_and_parts_are_refused(refuses):
    with refuses("no preset 'imagenet'", "tiny, mnist, cifar10"):
        preset("imagenet")
    values = preset("tiny").to_dict()
    incomplete = {part: values[part] for part in ("unet", "train")}
    broken: Any
    for broken in ({}, None, values | {"more": {}}, incomplete):
        with refuses("its parts must be"):
            RunConfig.from_dict(broken)
    with refuses("cannot be read", "depth"):
        RunConfig.from_dict(values | {"unet": values["unet"] | {"depth": 3}})
    with refuses("cannot be read", "image_size"):
        RunConfig.from_dict(values | {"unet": {}})
    with refuses("cannot be read"):
        RunConfig.from_dict(values | {"unet": None})


@pytest.mark.parametrize("T", [1, 2, 3, 10, 1000])
def test_a_sampler_visits_all_timesteps_unless_told_how_many(T):
    assert SampleConfig().timesteps(T) == SampleConfig(steps=T).timesteps(T) == tuple(range(T))


@given(T=st.integers(1, 1000), data=st.data())
def test_fewer_timesteps_are_evenly_spaced_from_the_last(T, data):
    steps = data.draw(st.integers(1, T))
    visited = SampleConfig(steps=steps).timesteps(T)
    assert len(visited) == steps
    assert visited[-1] == T - 1
    assert visited[0] == (0 if steps > 1 else T - 1)
    spacing = (T - 1) / max(1, steps - 1)
    assert all(abs(b - a - spacing) <= 1 for a, b in itertools.pairwise(visited))
    assert list(visited) == sorted(set(visited))


@given(T=st.integers(1, 1000), data=st.data())
def test_leading_timesteps_start_at_the_first_and_trailing_ones_end_at_the_last(T, data):
    steps = data.draw(st.integers(1, T))
    leading, trailing = (
        SampleConfig(steps=steps, spacing=spacing).timesteps(T)
        for spacing in ("leading", "trailing")
    )
    assert leading == tuple(range(0, T // steps * steps, T // steps))
    assert trailing[-1] == T - 1
    assert len(trailing) == steps
    exact = [Fraction(T * (i + 1), steps) - 1 for i in range(steps)]
    assert all(abs(t - e) <= Fraction(1, 2) for t, e in zip(trailing, exact, strict=True))
    assert trailing[0] >= 0
    assert list(trailing) == sorted(set(trailing))


@pytest.mark.parametrize("eta", [-0.01, 1.01, math.inf, math.nan, True, "0.5"])
def test_eta_is_from_0_to_1(refuses, eta):
    with refuses("eta", "in [0, 1]"):
        SampleConfig(sampler="ddim", eta=eta)
    assert SampleConfig(sampler="ddim", eta=1).eta == 1


@pytest.mark.parametrize("sampler", ["ddpm", "dpm-solver++", "heun"])
def test_a_sampler_without_eta_refuses_any(refuses, sampler):
    for eta in (0.0, 0.5):
        with refuses("eta", f"left out for {sampler}"):
            SampleConfig(sampler=sampler, eta=eta)


def test_a_configuration_from_before_samplers_reads_as_ddpm_over_all_timesteps():
    config = preset("tiny")
    values = config.to_dict()
    for option in ("sampler", "steps", "eta", "spacing"):
        del values["sample"][option]
    assert RunConfig.from_dict(values) == config


@pytest.mark.parametrize(
    ("part", "option"), [("unet", "dropout"), ("diffusion", "clip"), ("train", "ema_decay")]
)
def test_an_option_that_is_missing_takes_no_default(refuses, part, option):
    values = preset("tiny").to_dict()
    del values[part][option]
    with refuses("cannot be read", f"lacks {option}"):
        RunConfig.from_dict(values)


@pytest.mark.parametrize(
    ("part", "option"),
    [
        ("unet", "image_size"),
        ("unet", "image_channels"),
        ("unet", "base_channels"),
        ("unet", "blocks_per_level"),
        ("unet", "norm_groups"),
        ("diffusion", "T"),
        ("train", "epochs"),
        ("train", "batch_size"),
        ("train", "warmup_steps"),
        ("train", "seed"),
        ("sample", "num_samples"),
        ("sample", "batch_size"),
        ("sample", "steps"),
        ("sample", "seed"),
    ],
)
def test_no_number_asks_for_more_than_any_run_needs(refuses, part, option):
    for value in (10**15 if option != "seed" else 2**256, 10**5000):
        with refuses(f"{option} = ", "cannot be used"):
            preset("tiny").with_(**{part: {option: value}})


@pytest.mark.parametrize(
    "values", [(1,) * 13, (1, 65), (1, 2.0), (True, 2), (), [1, 2], (1, 10**12)], ids=str
)
def test_levels_are_few_and_of_sane_widths(refuses, values):
    with refuses("channel_multipliers = ", "a tuple of 1 to 12 integers from 1 to 64"):
        preset("tiny").with_(unet={"channel_multipliers": values})
