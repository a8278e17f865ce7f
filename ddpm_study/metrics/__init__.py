"""How good samples are: FID, Inception Score, KID, precision and recall, with intervals."""

from ddpm_study.metrics.extractors import Extractor, Features, choose, features
from ddpm_study.metrics.score import Scores, score

__all__ = ["Extractor", "Features", "Scores", "choose", "features", "score"]
