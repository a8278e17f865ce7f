"""The Inception Score (Salimans et al. 2016) of class probabilities, in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from ddpm import streams

Float64 = NDArray[np.float64]


def inception_score(logits: Float64, *, splits: int = 10, seed: int = 0) -> tuple[float, float]:
    """Return mean and standard deviation over splits of exp(E KL(p(y|x) || p(y))).

    Args:
        logits: float64 (N, K).
        splits: number of parts that the images are divided into, in random order; at most N.
        seed: of that order.
    """
    order = streams.stream(seed, "probe", "splits").permutation(len(logits))
    scores = [_score_part(part) for part in np.array_split(logits[order], splits)]
    return float(np.mean(scores)), float(np.std(scores))


def _score_part(logits: Float64) -> float:
    log_conditional = log_softmax(logits, axis=1)
    conditional = np.exp(log_conditional)
    log_marginal = np.log(conditional.mean(axis=0).clip(min=np.finfo(np.float64).tiny))
    divergence = (conditional * (log_conditional - log_marginal)).sum(axis=1)
    return float(np.exp(divergence.mean()))
