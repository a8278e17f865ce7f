"""Configurations of a run, their validation, and the presets tiny, mnist and cifar10."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np

from ddpm.errors import InputError
from ddpm.validation import (
    is_finite,
    require,
    require_bool,
    require_fraction,
    require_integer,
    require_integers,
    require_positive,
    require_seed,
)

# No option may ask for more than this. A file with a wrong number is then refused at once, before
# memory of that size is asked for; no real run comes near.
LARGEST_BATCH = 65_536


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """The U-Net of Ho et al. 2020, appendix B.

    Attributes:
        image_size: height and width of the images, in pixels.
        image_channels: 1 for grey, 3 for colour.
        base_channels: channels of the first level.
        channel_multipliers: channels of each level, in units of `base_channels`; the resolution
            halves from one level to the next.
        blocks_per_level: residual blocks on the way down; the way up has one more.
        attention_resolutions: resolutions, in pixels, whose blocks are followed by self-attention.
        norm_groups: groups of every GroupNorm.
        norm_epsilon: added to every GroupNorm's variance.
        dropout: rate in front of each residual block's second convolution.
    """

    image_size: int
    image_channels: int
    base_channels: int
    channel_multipliers: tuple[int, ...]
    blocks_per_level: int = 2
    attention_resolutions: tuple[int, ...] = ()
    norm_groups: int = 32
    norm_epsilon: float = 1e-6
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require_integer(self, "image_size", "base_channels", "norm_groups", least=1, most=8192)
        require_integer(self, "image_channels", "blocks_per_level", least=1, most=64)
        require_fraction(self, "dropout")
        require_positive(self, "norm_epsilon")
        require_integers(self, "channel_multipliers", fewest=1, most=12, largest=64)
        require_integers(self, "attention_resolutions", fewest=0, most=12, largest=8192)
        halvings = 2 ** (len(self.channel_multipliers) - 1)
        require(
            self.image_size % halvings == 0,
            "image_size",
            self.image_size,
            f"a multiple of {halvings}, for {len(self.channel_multipliers)} levels",
        )
        require(
            self.base_channels % self.norm_groups == 0,
            "base_channels",
            self.base_channels,
            f"a multiple of norm_groups = {self.norm_groups}",
        )
        even = self.base_channels % 2 == 0 and self.base_channels >= 4
        require(even, "base_channels", self.base_channels, "even and at least 4, for sinusoids")
        require(
            set(self.attention_resolutions) <= set(self.level_resolutions),
            "attention_resolutions",
            self.attention_resolutions,
            f"among the levels' resolutions {self.level_resolutions}",
        )

    def for_images(self, size: int, channels: int) -> UNetConfig:
        """Return the same network for images of another size and number of channels.

        Attention stays at the levels where it is.
        """
        levels = dict(
            zip(self.level_resolutions, range(len(self.channel_multipliers)), strict=True)
        )
        attends = tuple(size // 2 ** levels[r] for r in self.attention_resolutions)
        return replace(
            self, image_size=size, image_channels=channels, attention_resolutions=attends
        )

    @property
    def level_channels(self) -> tuple[int, ...]:
        """Channels of each level, finest first."""
        return tuple(self.base_channels * m for m in self.channel_multipliers)

    @property
    def level_resolutions(self) -> tuple[int, ...]:
        """Resolution of each level in pixels, finest first."""
        return tuple(self.image_size // 2**i for i in range(len(self.channel_multipliers)))

    @property
    def time_channels(self) -> int:
        """Channels of the time embedding."""
        return 4 * self.base_channels


@dataclass(frozen=True, kw_only=True)
class DiffusionConfig:
    """The forward process and the fixed variance of the reverse one.

    Attributes:
        T: number of timesteps; they are numbered 0 … T-1.
        schedule: `linear` (Ho et al. 2020, section 4) or `cosine` (Nichol & Dhariwal 2021, eq. 17).
        beta_start, beta_end: ends of the linear schedule.
        variance: `fixed_small`, the posterior's, or `fixed_large`, beta_t (Ho et al., section 3.2).
        clip: whether the predicted x_0 is clipped to [-1, 1] at each reverse step.
    """

    T: int = 1000
    schedule: Literal["linear", "cosine"] = "linear"
    beta_start: float = 1e-4
    beta_end: float = 0.02
    variance: Literal["fixed_small", "fixed_large"] = "fixed_large"
    clip: bool = True

    def __post_init__(self) -> None:
        require_integer(self, "T", least=1, most=100_000)
        require_bool(self, "clip")
        schedules = "linear", "cosine"
        require(self.schedule in schedules, "schedule", self.schedule, "linear or cosine")
        require(
            self.variance in ("fixed_small", "fixed_large"),
            "variance",
            self.variance,
            "fixed_small or fixed_large",
        )
        require_fraction(self, "beta_start", "beta_end")
        require(
            0 < self.beta_start <= self.beta_end,
            "beta_start, beta_end",
            (self.beta_start, self.beta_end),
            "rising within (0, 1)",
        )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One training run.

    Attributes:
        epochs: passes over the set; an incomplete last batch is skipped.
        batch_size: images per step.
        lr: learning rate of Adam after the warm-up.
        warmup_steps: steps over which the learning rate rises linearly from 0.
        betas, epsilon: Adam's (Kingma & Ba 2015).
        clip_norm: largest global norm of the gradient.
        ema_decay: decay of the averaged weights.
        flip: whether images are mirrored left to right at random.
        seed: of every stream.
    """

    epochs: int = 10
    batch_size: int = 64
    lr: float = 2e-4
    warmup_steps: int = 0
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    clip_norm: float = 1.0
    ema_decay: float = 0.9999
    flip: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        require_integer(self, "epochs", least=1, most=10**9)
        require_integer(self, "batch_size", least=1, most=LARGEST_BATCH)
        require_integer(self, "warmup_steps", least=0, most=10**12)
        require_fraction(self, "ema_decay")
        require_positive(self, "lr", "epsilon", "clip_norm")
        require_bool(self, "flip")
        require_seed(self)
        pair = isinstance(self.betas, tuple) and len(self.betas) == 2
        fractions = pair and all(is_finite(beta) and 0 <= beta < 1 for beta in self.betas)
        require(fractions, "betas", self.betas, "a tuple of two numbers in [0, 1)")


# The name of every sampler. Both `impl_torch.samplers` and `impl_jittor.samplers` have a class for
# each.
SAMPLERS = ("ddpm", "ddim", "dpm-solver++", "heun")
SPACINGS = ("linspace", "leading", "trailing")


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """One sampling run.

    Attributes:
        num_samples: images to draw.
        batch_size: images drawn at a time; it changes no image.
        seed: of the sampler's noise.
        sampler: a name in `SAMPLERS`.
        steps: sampling steps, at most the T training timesteps; None for all T.
        eta: of `ddim` alone, in [0, 1]: how much fresh noise a step adds, as a share of that of
            ancestral sampling (Song et al. 2021, eq. 16). None for 0.
        spacing: how fewer steps than T are spread, a name in `SPACINGS`; see `timesteps`.
    """

    num_samples: int = 16
    batch_size: int = 16
    seed: int = 0
    sampler: str = "ddpm"
    steps: int | None = None
    eta: float | None = None
    spacing: str = "linspace"

    def __post_init__(self) -> None:
        require_integer(self, "num_samples", least=1, most=10**8)
        require_integer(self, "batch_size", least=1, most=LARGEST_BATCH)
        require_seed(self)
        require(self.sampler in SAMPLERS, "sampler", self.sampler, " or ".join(SAMPLERS))
        if self.steps is not None:
            require_integer(self, "steps", least=1, most=100_000)
        require(self.spacing in SPACINGS, "spacing", self.spacing, " or ".join(SPACINGS))
        if self.eta is not None:
            require(is_finite(self.eta) and 0 <= self.eta <= 1, "eta", self.eta, "in [0, 1]")
            require(self.sampler == "ddim", "eta", self.eta, f"left out for {self.sampler}")

    def timesteps(self, T: int) -> tuple[int, ...]:
        """Return the visited ones of the timesteps 0 … T-1, ascending.

        `linspace` spreads them evenly from 0 to T-1 (Nichol & Dhariwal 2021, section 4). The others
        are T / S apart: `leading` starts at 0 and rounds T / S down, so that the chain starts below
        T-1; `trailing` ends at T-1, which is nearest to pure noise (Lin et al. 2024, table 2).
        """
        if self.steps is None:
            return tuple(range(T))
        count = np.arange(self.steps)
        spaced = {
            "linspace": np.linspace(T - 1, 0, self.steps).round()[::-1],
            "leading": count * (T // self.steps),
            "trailing": (T - count * T / self.steps).round()[::-1] - 1,
        }[self.spacing]
        return tuple(spaced.astype(int).tolist())


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """All options that decide a run's numbers."""

    unet: UNetConfig
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    sample: SampleConfig = field(default_factory=SampleConfig)

    def __post_init__(self) -> None:
        steps, T = self.sample.steps, self.diffusion.T
        fit = steps is None or steps <= T
        require(fit, "sample.steps", steps, f"at most the T = {T} training timesteps")

    def to_dict(self) -> dict[str, Any]:
        """Return plain, JSON-ready values (tuples become lists)."""
        return {
            part.name: {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in dataclasses.asdict(getattr(self, part.name)).items()
            }
            for part in fields(self)
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunConfig:
        """Rebuild a configuration from `to_dict`.

        An option of the model, the diffusion or the training that is missing takes no default: a
        file that lacks one describes another run. Sampling may be chosen anew at any time.

        Raises:
            InputError: a part or an option is missing, unknown or out of range.
        """
        parts = [part.name for part in fields(cls)]
        if not isinstance(values, dict) or set(values) != set(parts):
            raise InputError(f"the configuration cannot be read: its parts must be {parts}")
        try:
            return cls(
                unet=_build(UNetConfig, values["unet"]),
                diffusion=_build(DiffusionConfig, values["diffusion"]),
                train=_build(TrainConfig, values["train"]),
                sample=_build(SampleConfig, values["sample"], complete=False),
            )
        except (AttributeError, TypeError) as error:
            raise InputError(f"the configuration cannot be read: {error}") from error

    def with_(self, **parts: dict[str, Any]) -> RunConfig:
        """Return a copy with some options replaced: `config.with_(train={"epochs": 3})`."""
        changed = {name: replace(getattr(self, name), **new) for name, new in parts.items()}
        return replace(self, **changed)


def _build(cls: type[Any], values: dict[str, Any], *, complete: bool = True) -> Any:
    missing = [option.name for option in fields(cls) if option.name not in values]
    if missing and complete:
        raise TypeError(f"{cls.__name__} lacks {', '.join(missing)}")
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


PRESETS: dict[str, RunConfig] = {
    # Small enough that a test compiles and runs it in seconds; has every kind of layer.
    "tiny": RunConfig(
        unet=UNetConfig(
            image_size=28,
            image_channels=1,
            base_channels=8,
            channel_multipliers=(1, 2),
            blocks_per_level=1,
            attention_resolutions=(14,),
            norm_groups=4,
            dropout=0.1,
        ),
        diffusion=DiffusionConfig(T=100, beta_start=1e-3, beta_end=0.2, variance="fixed_small"),
        train=TrainConfig(epochs=2, batch_size=32, lr=2e-3, warmup_steps=50, ema_decay=0.99),
    ),
    # Trains to recognisable digits on two CPU cores.
    "mnist": RunConfig(
        unet=UNetConfig(
            image_size=28,
            image_channels=1,
            base_channels=32,
            channel_multipliers=(1, 2, 2),
            attention_resolutions=(14,),
            norm_groups=8,
        ),
        train=TrainConfig(epochs=30, batch_size=64, lr=4e-4, warmup_steps=200, ema_decay=0.995),
    ),
    # The paper's for CIFAR-10 (Ho et al. 2020, appendix B): 35,746,307 parameters.
    "cifar10": RunConfig(
        unet=UNetConfig(
            image_size=32,
            image_channels=3,
            base_channels=128,
            channel_multipliers=(1, 2, 2, 2),
            attention_resolutions=(16,),
            dropout=0.1,
        ),
        train=TrainConfig(
            epochs=2000, batch_size=128, lr=2e-4, warmup_steps=5000, ema_decay=0.9999, flip=True
        ),
    ),
}


def preset(name: str) -> RunConfig:
    """Return a preset by name.

    Raises:
        InputError: no preset has that name.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise InputError(f"no preset {name!r}: choose from {', '.join(PRESETS)}") from None
