"""The subjects of a configuration have its sizes."""

from __future__ import annotations

import numpy as np
import torch

from audit.correct_pairs import PairBase
from audit.draws.configuration import COUNT, configuration
from audit.draws.models import subjects
from parity.base.rng import keyed

ALL = [configuration(number) for number in range(COUNT)]


def test_a_network_has_the_sizes_of_its_configuration() -> None:
    drawn = next(c for c in ALL if c.run.unet.image_channels > 1 and c.scale != 1)
    network = subjects(drawn)["network"]
    assert isinstance(network, PairBase)
    inputs = network.pair.draw_inputs(keyed(0, "inputs")).arrays()
    unet = drawn.run.unet
    size = unet.image_size
    assert inputs["x"].shape == (drawn.batch, unet.image_channels, size, size)
    assert inputs["timestep"].shape == (drawn.batch,)
    assert inputs["timestep"].max() == drawn.run.diffusion.T - 1
    model = network.pair.reference()
    x, timestep = (torch.from_numpy(np.asarray(inputs[name])) for name in ("x", "timestep"))
    assert model.train(False)(x, timestep).shape == x.shape
    # A factor on weights that have left their zeros: no parameter is constant.
    assert all(p.numel() == 1 or p.std() > 0 for p in model.parameters())


def test_a_trajectory_is_a_subject_only_where_it_is_drawn() -> None:
    for drawn in ALL[:40]:
        expected = {"network", "schedule", drawn.trajectory} - {"none"}
        assert set(subjects(drawn)) == expected
