"""How much of everything a run does, by preset: here alone time is traded for certainty."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scale:
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
        rounds: alternated pairs of measurements of each subject.
    """

    epochs: int
    samples: int
    sample_batch: int
    seeds: int
    ensemble: int
    ensemble_steps: int
    exact_images: int = 2
    rounds: int = 15


SCALES = {
    "tiny": Scale(epochs=2, samples=500, sample_batch=100, seeds=2, ensemble=1, ensemble_steps=200),
    "mnist": Scale(
        epochs=6,
        samples=64,
        sample_batch=32,
        seeds=1,
        ensemble=1,
        ensemble_steps=150,
        rounds=10,
    ),
    "cifar10": Scale(
        epochs=1,
        samples=16,
        sample_batch=8,
        seeds=0,
        ensemble=1,
        ensemble_steps=4,
        exact_images=1,
        rounds=3,
    ),
}
