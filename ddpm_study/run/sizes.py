"""How much of everything a run does, by preset: here alone time is traded for certainty."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from ddpm.errors import InputError

# In the first step of all, only the last layer has a gradient: it alone would be compared.
_LEAST = {"seeds": 0, "probe_steps": 2}


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The size of a run.

    Attributes:
        epochs: passes over the set, of every training.
        samples: images that each sampling draws.
        sample_batch: of them, how many at a time.
        seeds: further trainings and samplings of PyTorch alone, each from a seed of its own, that
            show how far scores scatter where nothing differs but the seed.
        ensemble: runs on each side whose initial weights are moved by one ulp.
        ensemble_steps: training steps of each of them.
        exact_images: images sampled in float64 on both sides.
        probe_steps: training steps in both precisions.
        probe_batch: images in each of them: float64 has no fast convolution in Jittor.
        rounds: alternated pairs of measurements of each subject.
    """

    epochs: int
    samples: int
    sample_batch: int
    seeds: int
    ensemble: int
    ensemble_steps: int
    exact_images: int = 2
    probe_steps: int = 20
    probe_batch: int = 8
    rounds: int = 15

    def __post_init__(self) -> None:
        for name in NAMES:
            value, least = getattr(self, name), _LEAST.get(name, 1)
            if value < least:
                raise InputError(
                    f"{name} = {value} cannot be used: it must be a whole number of at least"
                    f" {least}"
                )

    def resized(self, sizes: Iterable[str]) -> Sizes:
        """Return the same with other sizes, each written `name=number`.

        Raises:
            InputError: a name is none of the attributes, or a number is none or too small.
        """
        return replace(self, **dict(map(_size, sizes)))


NAMES = tuple(field.name for field in fields(Sizes))


def _size(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if name not in NAMES:
        raise InputError(f"there is no size {name!r}: choose from {', '.join(NAMES)}")
    try:
        return name, int(number)
    except ValueError:
        raise InputError(f"{text!r} is no size: write {name}=NUMBER, a whole one") from None


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
        probe_steps=2,
        probe_batch=2,
        rounds=3,
    ),
}
