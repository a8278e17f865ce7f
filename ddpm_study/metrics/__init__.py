"""Scores of sampled images: FID, Inception Score, KID, precision and recall, with intervals."""

from ddpm_study.metrics.extractors import choose
from ddpm_study.metrics.feature_extraction import Extractor, Features, features
from ddpm_study.metrics.score import Scores, score

__all__ = ["Extractor", "Features", "Scores", "choose", "features", "score"]
