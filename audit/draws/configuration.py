"""Random configurations of U-Net, diffusion and training, each the same for its number.

A structure is drawn for every sixteen numbers, and sizes and values for each number.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeVar

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.config import DiffusionConfig, RunConfig, TrainConfig, UNetConfig
from parity.base.rng import keyed

COUNT = 208
# Jittor compiles kernels for each structure; sizes and values cost it nothing.
NUMBERS_PER_STRUCTURE = 16
LARGEST_IMAGE = 12
# A literal in the source of a Jittor kernel: each is compiled, so there are few.
NORM_EPSILONS = (1e-6, 1e-5, 1e-3)
# Binary exponent of the smallest root of alpha_bar with which sampling is compared.
SMALLEST_SIGNAL = -60
# The stress inputs that leave a U-Net's inputs in its domain.
STRESS_INPUTS = ("low variance", "large offset", "large magnitude", "constant", "zeros")
Trajectory = Literal["training", "sampling", "none"]
Value = TypeVar("Value")
# Random bytes given to Hypothesis, far more than any draw here reads.
BYTES = 8192


@dataclass(frozen=True, kw_only=True)
class Structure:
    """The part of a configuration that decides which kernels are compiled.

    Attributes:
        levels: resolutions of the U-Net.
        blocks: residual blocks of each on the way down.
        attends: by level, finest first, whether its blocks are followed by attention.
        dropout: whether there is dropout.
    """

    levels: int
    blocks: int
    attends: tuple[bool, ...]
    dropout: bool


# The structure of the preset tiny, whose kernels other tests compile as well.
FIRST = Structure(levels=2, blocks=1, attends=(False, True), dropout=True)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """One draw.

    Attributes:
        number: determines all the rest.
        structure: shared by `NUMBERS_PER_STRUCTURE` numbers in a row.
        run: U-Net, diffusion and training.
        batch: images in the network's input.
        training: mode of the network.
        scale: factor on weights that have left their initial zeros; 1 keeps the initial weights.
        stress_input: judged besides the plain input.
        seed: of initial weights, inputs and one-ulp perturbations.
        trajectory: what is compared step by step.
        choice: picks the fault, and the module that it is injected into.
    """

    number: int
    structure: Structure
    run: RunConfig
    batch: int
    training: bool
    scale: float
    stress_input: str
    seed: int
    trajectory: Trajectory
    choice: int

    @property
    def smallest_image(self) -> int:
        """Height and width of the coarsest level."""
        return self.run.unet.level_resolutions[-1]

    @property
    def is_spatial(self) -> bool:
        """True where every level has more than one pixel, so that pixels have neighbours.

        Then a group of a normalisation has more than one number, too.
        """
        return self.smallest_image > 1

    @property
    def drops_out(self) -> bool:
        """True where dropout is strong enough that some element of every layer is dropped."""
        return self.run.unet.dropout >= 0.1 and self.is_spatial

    @property
    def clips_gradients(self) -> bool:
        """True where clipping binds: gradients of these networks have norms above a hundredth."""
        return self.run.train.clip_norm < 0.01

    @property
    def has_many_timesteps(self) -> bool:
        """True where there are enough timesteps that no batch consists of t = 0 alone."""
        return self.run.diffusion.T > 12

    def values(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return {**asdict(self), "run": self.run.to_dict()}


def configuration(number: int) -> Configuration:
    """Return the configuration of a number, 0, 1, …: the same in every process."""
    index = number // NUMBERS_PER_STRUCTURE
    structure = example(_structures(), "structure", index) if index else FIRST
    return _in_domain(example(_configurations(number, structure), "configuration", number))


def example(strategy: st.SearchStrategy[Value], *key: object) -> Value:
    """Return the example that a Hypothesis strategy makes of a key, always the same.

    Hypothesis' own generator mixes in constants of the modules that are loaded, and its first
    example is the simplest one; random bytes given from outside are read as they are.

    Raises:
        ValueError: the strategy refused these bytes, by a filter for example.
    """
    examples: list[Value] = []

    @settings(database=None)
    @given(strategy)
    def collect(value: Value) -> None:
        examples.append(value)

    collect.hypothesis.fuzz_one_input(keyed(*key).bytes(BYTES))  # type: ignore[attr-defined]
    if not examples:
        raise ValueError(f"nothing was drawn for {key}")
    return examples[0]


def _in_domain(configuration: Configuration) -> Configuration:
    """Change only what PyTorch itself could not run."""
    unet, diffusion = configuration.run.unet, configuration.run.diffusion
    if configuration.smallest_image == 1 and unet.norm_groups == unet.base_channels:
        # PyTorch refuses to normalise a single number.
        configuration = replace(configuration, batch=max(configuration.batch, 2))
    beta = np.linspace(diffusion.beta_start, diffusion.beta_end, diffusion.T)
    vanishes = diffusion.schedule == "linear" and np.log2(1 - beta).sum() < 2 * SMALLEST_SIGNAL
    if configuration.trajectory == "sampling" and vanishes:
        # x_0 is predicted by dividing by the root of alpha_bar, which is 0 in float32.
        configuration = replace(configuration, trajectory="none")
    return configuration


@st.composite
def _structures(draw: st.DrawFn) -> Structure:
    levels = draw(st.integers(1, 3))
    return Structure(
        levels=levels,
        blocks=draw(st.integers(1, 2)) if levels < 3 else 1,
        attends=tuple(draw(st.booleans()) for _ in range(levels)),
        dropout=draw(st.booleans()),
    )


@st.composite
def _configurations(draw: st.DrawFn, number: int, structure: Structure) -> Configuration:
    diffusion = draw(_diffusions())
    return Configuration(
        number=number,
        structure=structure,
        run=RunConfig(unet=draw(_unets(structure)), diffusion=diffusion, train=draw(_trainings())),
        batch=draw(st.integers(1, 4)),
        training=draw(st.booleans()),
        scale=draw(st.one_of(st.just(1.0), _powers(-3, 1))),
        stress_input=draw(st.sampled_from(STRESS_INPUTS)),
        seed=draw(st.integers(0, 2**31 - 1)),
        trajectory=draw(st.sampled_from(("training", "sampling", "none"))),
        choice=draw(st.integers(0, 2**31 - 1)),
    )


@st.composite
def _unets(draw: st.DrawFn, structure: Structure) -> UNetConfig:
    halvings = 2 ** (structure.levels - 1)
    size = halvings * draw(st.integers(1, LARGEST_IMAGE // halvings))
    channels = 2 * draw(st.integers(2, 6))
    groups = draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
    return UNetConfig(
        image_size=size,
        image_channels=draw(st.integers(1, 4)),
        base_channels=channels,
        channel_multipliers=tuple(draw(st.integers(1, 3)) for _ in range(structure.levels)),
        blocks_per_level=structure.blocks,
        attention_resolutions=tuple(
            size // 2**level for level, attends in enumerate(structure.attends) if attends
        ),
        norm_groups=groups,
        norm_epsilon=draw(st.sampled_from(NORM_EPSILONS)),
        dropout=draw(st.integers(1, 18)) / 20 if structure.dropout else 0.0,
    )


@st.composite
def _diffusions(draw: st.DrawFn) -> DiffusionConfig:
    start = draw(_powers(-14, -4))
    return DiffusionConfig(
        T=draw(st.one_of(st.integers(1, 12), st.integers(13, 400))),
        schedule=draw(st.sampled_from(("linear", "cosine"))),
        beta_start=start,
        beta_end=min(start * draw(_powers(0, 8)), 0.999),
        variance=draw(st.sampled_from(("fixed_small", "fixed_large"))),
        clip=draw(st.booleans()),
    )


@st.composite
def _trainings(draw: st.DrawFn) -> TrainConfig:
    return TrainConfig(
        lr=draw(_powers(-17, -3)),
        warmup_steps=draw(st.sampled_from((0, 0, 2, 7))),
        betas=(
            draw(st.sampled_from((0.0, 0.5, 0.8, 0.9, 0.95))),
            draw(st.sampled_from((0.9, 0.95, 0.98, 0.999, 0.9999))),
        ),
        epsilon=draw(_powers(-33, -14)),
        clip_norm=draw(_powers(-7, 7)),
        ema_decay=draw(st.sampled_from((0.0, 0.5, 0.9, 0.99, 0.999, 0.9999))),
        seed=draw(st.integers(0, 2**31 - 1)),
    )


def _powers(low: int, high: int) -> st.SearchStrategy[float]:
    """Powers of two whose exponents are evenly spread between two integers."""
    return st.integers(16 * low, 16 * high).map(lambda n: float(2 ** (n / 16)))
