"""The correct pairs of a configuration: network, schedule, and a trajectory."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from audit.case import Base
from audit.correct_pairs import PairBase, RandomizedTraining, ScheduleBase, TrajectoryBase
from audit.draws.configuration import Configuration
from ddpm_study.pairs import Sampling
from impl_torch.unet import UNet
from parity.base.numerics import Array
from parity.pair import Pair
from parity.trace.bound_model import randomize_constant_parameters
from parity.trajectories.trajectory import Trajectory

STEPS = 2


def subjects(configuration: Configuration) -> dict[str, Base]:
    """Return the subjects to compare: `network`, `schedule`, and `training` or `sampling`."""
    number = configuration.number
    bases: dict[str, Base] = {
        "network": PairBase(_network(configuration)),
        "schedule": ScheduleBase(f"schedule {number}", configuration.run.diffusion),
    }
    if configuration.trajectory != "none":
        bases[configuration.trajectory] = TrajectoryBase(_trajectory(configuration))
    return bases


def _network(configuration: Configuration) -> Pair:
    def candidate() -> Any:
        # Imported when it is built, so that the list of draws does not start Jittor.
        from impl_jittor.unet import UNet as JittorUNet

        return JittorUNet(configuration.run.unet).initialize(configuration.seed)

    return Pair(
        name=f"network {configuration.number}",
        reference=partial(_reference, configuration),
        candidate=candidate,
        inputs=partial(_inputs, configuration),
        training=configuration.training,
        init=configuration.scale == 1,
        stress_inputs=("plain", configuration.stress_input),
    )


def _inputs(configuration: Configuration, rng: np.random.Generator) -> dict[str, Array]:
    unet, batch, T = configuration.run.unet, configuration.batch, configuration.run.diffusion.T
    shape = (batch, unet.image_channels, unet.image_size, unet.image_size)
    timestep = rng.integers(0, T, batch)
    timestep[0] = T - 1  # so that not all are 0 where T > 1
    return {"x": rng.standard_normal(shape, np.float32), "timestep": timestep}


def _reference(configuration: Configuration) -> UNet:
    model = UNet(configuration.run.unet).initialize(configuration.seed)
    if configuration.scale != 1:
        initial = {name: p.detach().numpy() for name, p in model.named_parameters()}
        weights = randomize_constant_parameters(
            initial, dict.fromkeys(initial, ""), configuration.seed
        )
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(torch.from_numpy(weights[name] * np.float32(configuration.scale)))
    return model


def _trajectory(configuration: Configuration) -> Trajectory:
    is_training = configuration.trajectory == "training"
    stepper: Any = RandomizedTraining if is_training else Sampling
    return Trajectory(
        name=f"{configuration.trajectory} {configuration.number}",
        phase="optimizer" if is_training else "sampling",
        reference=partial(stepper, "torch", configuration.run),
        candidate=partial(stepper, "jittor", configuration.run),
        steps=STEPS if is_training else min(STEPS + 1, configuration.run.diffusion.T),
    )
