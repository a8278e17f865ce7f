"""The shapes that a configuration implies, against the models of both implementations."""

import dataclasses

import pytest

from ddpm.checkpoints.parameter_shapes import parameter_shapes
from ddpm.config import PRESETS
from tests.implementations.oracles import SMALL

CONFIGS = {
    "tiny": PRESETS["tiny"].unet,
    "mnist": PRESETS["mnist"].unet,
    "small": SMALL,
    "attention everywhere": dataclasses.replace(SMALL, attention_resolutions=(8, 4)),
    "no attention": dataclasses.replace(SMALL, attention_resolutions=()),
    "one level": dataclasses.replace(SMALL, channel_multipliers=(1,), attention_resolutions=(8,)),
    "narrowing levels": dataclasses.replace(SMALL, channel_multipliers=(2, 1, 3)),
    "one block": dataclasses.replace(SMALL, blocks_per_level=1),
    "three blocks, three colours": dataclasses.replace(SMALL, blocks_per_level=3, image_channels=3),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_shapes_are_those_of_the_model(implementation, name):
    config = CONFIGS[name]
    assert parameter_shapes(config) == implementation.shapes(implementation.unet.UNet(config))
