"""Sizes of a run by preset: how many epochs, samples, seeds and rounds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from ddpm.errors import InputError

# In the first step only the last layer has a gradient, the ones before it being zero.
_LEAST = {"seeds": 0, "precision_steps": 2}
# What is kept in memory has a bound, and so has what is only done again and again.
MOST = {
    "samples": 1_000_000,
    "sample_batch": 100_000,
    "ensemble": 1_000,
    "seeds": 1_000,
    "ensemble_steps": 1_000_000,
    "exact_images": 1_000,
    "precision_steps": 100_000,
    "precision_batch": 10_000,
    "rounds": 10_000,
}
_MOST_TIMES = 1_000_000
FORMER_NAMES = {"probe_steps": "precision_steps", "probe_batch": "precision_batch"}


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Sizes of a run.

    Attributes:
        epochs: passes over the set in every training.
        samples: images in each sampling.
        sample_batch: images sampled at a time.
        seeds: further trainings and samplings of PyTorch alone, each from its own seed; they show
            how far scores scatter when only the seed differs.
        ensemble: trainings of each framework from initial weights perturbed by one ulp.
        ensemble_steps: training steps of each of them.
        exact_images: images that both frameworks sample in float64.
        precision_steps: training steps that are done in both float32 and float64. Warm-up starts at
            a learning rate of 0 and the last layers at zero, so that not every weight has a
            gradient before the fourth step.
        precision_batch: images in each of those steps; Jittor has no fast float64 convolution.
        rounds: alternating pairs of time measurements.
    """

    epochs: int
    samples: int
    sample_batch: int
    seeds: int
    ensemble: int
    ensemble_steps: int
    exact_images: int = 2
    precision_steps: int = 20
    precision_batch: int = 8
    rounds: int = 15

    def __post_init__(self) -> None:
        for name in NAMES:
            value, least = getattr(self, name), _LEAST.get(name, 1)
            most = MOST.get(name, _MOST_TIMES)
            if not least <= value <= most:
                raise InputError(
                    f"{name} = {value} cannot be used: it must be a whole number from"
                    f" {least:,} to {most:,}"
                )

    def resized(self, sizes: Iterable[str]) -> Sizes:
        """Return a copy with other sizes, each written `name=number`.

        Raises:
            InputError: a name is not an attribute, or a number is not whole or too small.
        """
        return replace(self, **dict(map(_size, sizes)))


NAMES = tuple(field.name for field in fields(Sizes))


def _size(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    name = FORMER_NAMES.get(name, name)
    if name not in NAMES:
        raise InputError(f"there is no size {name[:40]!r}: choose from {', '.join(NAMES)}")
    try:
        return name, int(number)
    except ValueError:
        raise InputError(f"{text[:40]!r} is no size: write {name}=NUMBER, a whole number") from None


SIZES = {
    "tiny": Sizes(epochs=2, samples=500, sample_batch=250, seeds=2, ensemble=1, ensemble_steps=200),
    "mnist": Sizes(
        epochs=6,
        samples=64,
        sample_batch=32,
        seeds=1,
        ensemble=1,
        ensemble_steps=150,
        rounds=10,
    ),
    "cifar10": Sizes(
        epochs=1,
        samples=16,
        sample_batch=8,
        seeds=0,
        ensemble=1,
        ensemble_steps=4,
        exact_images=1,
        precision_steps=4,
        precision_batch=2,
        rounds=3,
    ),
}
