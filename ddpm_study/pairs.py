"""The project's pairs, trajectories and tables: every mirrored part of the two DDPMs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

import numpy as np

from ddpm import streams
from ddpm.checkpoint import Checkpoint
from ddpm.config import DiffusionConfig, RunConfig, SampleConfig, UNetConfig, preset
from ddpm_study.exact_schedule import (
    SAMPLER_TABLES,
    TABLES,
    exact_and_limits,
    exact_sampler_tables_and_limits,
)
from implementations import module, sampler, schedule, trainer, unet_class
from parity.base.numerics import Array, Precision
from parity.compare.tables import Tables
from parity.pair import Pair
from parity.trajectories.processes import in_processes
from parity.trajectories.trajectory import Trajectory

TINY = preset("tiny")
SAMPLING = TINY.with_(diffusion={"T": 50, "beta_start": 1e-3, "beta_end": 0.3})
BATCH = 2
ONE_STEPS, FREE_STEPS = 20, 100
# Besides the preset's own: ten times less, ten times more.
LEARNING_RATES, FEW_STEPS = (2e-4, 2e-2), 5
SCHEDULES: tuple[Literal["linear", "cosine"], ...] = ("linear", "cosine")
VARIANCES: tuple[Literal["fixed_small", "fixed_large"], ...] = ("fixed_small", "fixed_large")
FEW_STEP_SAMPLERS: tuple[dict[str, Any], ...] = (
    {"sampler": "ddim", "eta": 0.0},
    {"sampler": "ddim", "eta": 1.0},
    {"sampler": "dpm-solver++"},
    {"sampler": "heun"},
)
Inputs = Callable[[np.random.Generator], Mapping[str, Array]]


def _pair(name: str, part: str, *arguments: Any, inputs: Inputs) -> Pair:
    """Pair one class of both U-Nets, in training mode, so that dropout is switched on."""
    return Pair(
        name=name,
        reference=lambda: _seeded(unet_class("torch", part), *arguments),
        candidate=lambda: unet_class("jittor", part)(*arguments),
        inputs=inputs,
        training=True,
    )


def _seeded(make: Callable[..., Any], *arguments: Any) -> Any:
    """Build a part from torch's own initial values, the same at every run."""
    import torch

    torch.manual_seed(0)
    return make(*arguments)


def _normal(rng: np.random.Generator, *shape: int) -> Array:
    return rng.standard_normal(shape, np.float32)


def unet_pair(name: str, config: UNetConfig, batch: int, **options: Any) -> Pair:
    """Pair both whole U-Nets of a configuration, on `batch` images; options are those of `Pair`."""
    shape = (batch, config.image_channels, config.image_size, config.image_size)
    return Pair(
        name=name,
        reference=lambda: unet_class("torch", "UNet")(config).initialize(0),
        candidate=lambda: unet_class("jittor", "UNet")(config).initialize(0),
        inputs=lambda rng: {"x": _normal(rng, *shape), "timestep": rng.integers(0, 1000, batch)},
        training=True,
        init="exact",  # both draw from the same streams
        **options,
    )


def pairs() -> list[Pair]:
    """Return the parts of the tiny U-Net, smallest first, and the whole."""
    config = TINY.unet
    channels, time = config.base_channels, config.time_channels
    image = (2, channels, 8, 8)
    return [
        _pair(
            "time embedding",
            "TimeEmbedding",
            channels,
            time,
            inputs=lambda rng: {"timestep": rng.integers(0, 1000, 6)},
        ),
        _pair(
            "residual block",
            "ResidualBlock",
            channels,
            2 * channels,
            config,
            inputs=lambda rng: {"x": _normal(rng, *image), "time": _normal(rng, 2, time)},
        ),
        _pair(
            "attention",
            "Attention",
            channels,
            config,
            inputs=lambda rng: {"x": _normal(rng, *image)},
        ),
        _pair("downsample", "Downsample", channels, inputs=lambda rng: {"x": _normal(rng, *image)}),
        _pair("upsample", "Upsample", channels, inputs=lambda rng: {"x": _normal(rng, *image)}),
        unet_pair("U-Net, tiny", config, 2),
    ]


def large_pairs() -> list[Pair]:
    """Return the whole U-Nets of the presets mnist and cifar10 (the paper's)."""
    return [
        unet_pair("U-Net, mnist", preset("mnist").unet, 2, stress_inputs=("plain",)),
        unet_pair("U-Net, cifar10", preset("cifar10").unet, 2, stress_inputs=("plain",)),
    ]


class Training:
    """A side's trainer as a stepper: weights, moments, average; one batch a step."""

    def __init__(
        self, framework: str, config: RunConfig, precision: Precision, *, batch: int = BATCH
    ) -> None:
        self.config, self.batch = config, batch
        self.trainer = module(framework, "train").Trainer(config, dtype=precision)

    def state(self) -> dict[str, Array]:
        """Copy weights, moments and average out, as `group:path`, and the number of steps."""
        saved = self.trainer.checkpoint(dataset="", epoch=0)
        # In the order in which a step makes them, so that the first to differ is at fault.
        groups = {g: getattr(saved, g) for g in ("exp_avg", "exp_avg_sq", "weights", "ema")}
        state = {f"{g}:{path}": value for g, of in groups.items() for path, value in of.items()}
        return {**state, "steps taken": np.array(saved.step)}

    def load(self, state: Mapping[str, Array]) -> None:
        """Restore what `state` gave."""
        groups: dict[str, Any] = {}
        for name, value in state.items():
            group, colon, path = name.partition(":")
            if colon:
                groups.setdefault(group, {})[path] = value
        self.trainer.restore(
            Checkpoint(
                config=self.config,
                framework="torch",
                dataset="",
                epoch=0,
                step=int(state["steps taken"]),
                **groups,
            )
        )

    def step(self, number: int) -> dict[str, Array]:
        """Train on the batch of step `number`; return the loss."""
        unet = self.config.unet
        shape = (self.batch, unet.image_channels, unet.image_size, unet.image_size)
        images = streams.stream(1, "probe", "batch", number).uniform(-1, 1, shape)
        return {"loss": np.array(self.trainer.train_step(images.astype(np.float32)))}


class Sampling:
    """A side's reverse chain as a stepper: step n goes from the n-th visited timestep from the end.

    The state is x_t and, of a multistep sampler, the x_0 that the step before predicted.
    """

    def __init__(self, framework: str, config: RunConfig, precision: Precision) -> None:
        self.config = config
        self.trainer = module(framework, "train").Trainer(config, dtype=precision)
        # Initial weights are zero in the last layer; the averaged weights of a training are not.
        weights = _sampling_weights(config, precision)
        saved = self.trainer.checkpoint(dataset="", epoch=0)
        self.trainer.restore(
            Checkpoint(**{**vars(saved), "weights": weights, "ema": weights}),
        )
        self.model = self.trainer.model.eval()
        self.sampler = sampler(framework, self.trainer.diffusion, config.sample)
        self.diffusion = self.sampler.diffusion
        self.timesteps = config.sample.timesteps(config.diffusion.T)
        self.x = self._draw(config.diffusion.T)
        if config.sample.sampler == "dpm-solver++":
            self.sampler.earlier = self.trainer.tensor(np.zeros_like(self.x))

    def _shape(self) -> tuple[int, int, int]:
        unet = self.config.unet
        return (unet.image_channels, unet.image_size, unet.image_size)

    def _draw(self, timestep: int) -> Array:
        return streams.sampler_noise(range(2), self._shape(), seed=0, timestep=timestep)

    def state(self) -> dict[str, Array]:
        """Copy x_t and the x_0 before it out, each (N, C, H, W)."""
        if not hasattr(self.sampler, "earlier"):
            return {"x": self.x}
        return {"x": self.x, "earlier": _array(self.sampler.earlier)}

    def load(self, state: Mapping[str, Array]) -> None:
        """Continue from an x_t."""
        self.x = state["x"]
        if "earlier" in state:
            self.sampler.earlier = self.trainer.tensor(state["earlier"])

    def step(self, number: int) -> dict[str, Array]:
        """Go from a visited timestep to the one before; return the new x."""
        position = len(self.timesteps) - 1 - number
        adds_noise = position > 0 and self.sampler.adds_noise
        noise = self._draw(self.timesteps[position]) if adds_noise else np.zeros_like(self.x)
        tensor = self.trainer.tensor
        self.x = _array(self.sampler.step(self.model, tensor(self.x), position, tensor(noise)))
        return {"x": self.x}


def _array(tensor: Any) -> Array:
    return np.array((tensor.detach() if hasattr(tensor, "detach") else tensor).numpy())


def _sampling_weights(config: RunConfig, precision: Precision) -> dict[str, Array]:
    saved = trainer("torch", config).checkpoint(dataset="", epoch=0)
    moved = {}
    for path, value in saved.weights.items():
        draw = streams.stream(0, "probe", "sampling weights", path).standard_normal(value.shape)
        fan_in = value.size // value.shape[0] if value.ndim > 1 else 25
        moved[path] = (value + 0.3 * draw / np.sqrt(fan_in)).astype(np.float32).astype(precision)
    return moved


def chain_gain(config: RunConfig) -> float:
    """Return the reverse chain's linear gain, the product of 1 / sqrt(alpha_t) over all steps."""
    beta = np.linspace(config.diffusion.beta_start, config.diffusion.beta_end, config.diffusion.T)
    return float(np.prod(1 / np.sqrt(1 - beta)))


def _few_steps(options: dict[str, Any]) -> Trajectory:
    config = SAMPLING.with_(sample={"steps": 10, "spacing": "trailing", **options})
    return Trajectory(
        name="sampling, tiny, " + " ".join(map(str, options.values())),
        phase="sampling",
        reference=partial(Sampling, "torch", config),
        candidate=partial(Sampling, "jittor", config),
        steps=10,
        free=10,
        gain=chain_gain(config),
    )


def _at_learning_rate(lr: float) -> Trajectory:
    config = TINY.with_(train={"lr": lr})
    return Trajectory(
        name=f"training, tiny, lr {lr:g}",
        phase="optimizer",
        reference=partial(Training, "torch", config),
        candidate=partial(Training, "jittor", config),
        steps=FEW_STEPS,
    )


def trajectories() -> list[Trajectory]:
    """Return training and sampling on the tiny preset."""
    return [
        Trajectory(
            name="training, tiny",
            phase="optimizer",
            reference=partial(Training, "torch", TINY),
            candidate=partial(Training, "jittor", TINY),
            steps=ONE_STEPS,
            free=FREE_STEPS,
        ),
        *(_at_learning_rate(lr) for lr in LEARNING_RATES),
        Trajectory(
            name="sampling, tiny",
            phase="sampling",
            reference=partial(Sampling, "torch", SAMPLING),
            candidate=partial(Sampling, "jittor", SAMPLING),
            steps=SAMPLING.diffusion.T,
            free=SAMPLING.diffusion.T,
            gain=chain_gain(SAMPLING),
        ),
        *map(_few_steps, FEW_STEP_SAMPLERS),
    ]


# Every step moves the weights, and clipping binds, so that it matters whose gradient is clipped.
SHARED = TINY.with_(train={"warmup_steps": 0, "clip_norm": 0.1})
SHARED_STEPS = 3  # in the first two, not every layer has a gradient


def process_trajectory(size: int) -> Trajectory:
    """Return torch's training in one process against the same in `size`, of uneven shares."""
    one = partial(Training, "torch", SHARED, batch=size + 1)
    return Trajectory(
        name=f"training, tiny, {size} processes",
        phase="optimizer",
        reference=one,
        candidate=in_processes(one, size),
        steps=SHARED_STEPS,
        free=SHARED_STEPS,
    )


def schedule_tables(name: str, config: DiffusionConfig) -> Tables:
    """Return the noise schedule's tables of both implementations, with their exact values."""
    return Tables(
        name=name,
        reference=partial(_tables, "torch", config),
        candidate=partial(_tables, "jittor", config),
        exact=partial(exact_and_limits, config),
    )


def _tables(framework: str, config: DiffusionConfig) -> dict[str, Array]:
    return read_tables(schedule(framework, config))


def read_tables(built: Any) -> dict[str, Array]:
    """Return the tables of a built schedule by name, float64 (T,)."""
    return {name: np.asarray(getattr(built, name)) for name in TABLES}


def sampler_tables(name: str, config: DiffusionConfig, sample: SampleConfig) -> Tables:
    """Return the coefficients of DDIM and DPM-Solver++ of both sides, with their exact values."""

    def read(framework: str) -> dict[str, Array]:
        return read_sampler_tables(built_sampler_tables(framework, config, sample))

    return Tables(
        name=name,
        reference=partial(read, "torch"),
        candidate=partial(read, "jittor"),
        exact=partial(exact_sampler_tables_and_limits, config, sample),
    )


def built_sampler_tables(framework: str, config: DiffusionConfig, sample: SampleConfig) -> Any:
    """Return the tables of a sampler of one framework."""
    diffusion = module(framework, "diffusion").GaussianDiffusion(config)
    return sampler(framework, diffusion, sample).tables


def read_sampler_tables(built: Any) -> dict[str, Array]:
    """Return a sampler's tables by name, float64 (S,)."""
    return {name: np.asarray(getattr(built, name)) for name in SAMPLER_TABLES}


def settings_of_sampler_tables() -> dict[str, tuple[DiffusionConfig, SampleConfig]]:
    """Return the settings of the sampler tables that are compared, by name."""
    return {
        f"sampler, {form}, {steps or 'all'} steps, eta {eta:g}": (
            DiffusionConfig(schedule=form),
            SampleConfig(sampler="ddim", steps=steps, spacing="trailing", eta=eta),
        )
        for form in SCHEDULES
        for steps, eta in ((None, 1.0), (50, 0.0), (10, 0.5))
    }


def tables() -> list[Tables]:
    """Return the tables of every schedule that a configuration can name, and of samplers."""
    of_samplers = [
        sampler_tables(name, *settings) for name, settings in settings_of_sampler_tables().items()
    ]
    return of_samplers + [
        schedule_tables(
            f"schedule, {form}, {variance}", DiffusionConfig(schedule=form, variance=variance)
        )
        for form in SCHEDULES
        for variance in VARIANCES
    ]


def everyday() -> list[Pair | Trajectory | Tables]:
    """Return what `pytest parity` compares each time."""
    return [*pairs(), *trajectories(), process_trajectory(2), *tables()]


def large() -> list[Pair | Trajectory]:
    """Return what takes minutes, for `pytest parity -m slow`."""
    return [*large_pairs(), *map(process_trajectory, (3, 4))]
