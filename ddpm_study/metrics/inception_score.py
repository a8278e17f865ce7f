"""The Inception Score (Salimans et al. 2016) of class probabilities, in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from ddpm import streams

Float64 = NDArray[np.float64]


def inception_score(logits: Float64, *, splits: int = 10, seed: int = 0) -> tuple[float, float]:
    """Return mean and spread over splits of exp(E KL(p(y|x) || p(y))).

    Args:
        logits: float64 (N, K).
        splits: parts that the images are divided into, in random order; no more than N.
        seed: of that order.
    """
    order = streams.stream(seed, "probe", "splits").permutation(len(logits))
    scores = [_of_part(part) for part in np.array_split(logits[order], splits)]
    return float(np.mean(scores)), float(np.std(scores))


def _of_part(logits: Float64) -> float:
    log_given = log_softmax(logits, axis=1)
    given = np.exp(log_given)
    log_all = np.log(given.mean(axis=0).clip(min=np.finfo(np.float64).tiny))
    divergence = (given * (log_given - log_all)).sum(axis=1)
    return float(np.exp(divergence.mean()))
