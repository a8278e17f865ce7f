"""Scores of sampled images: FID, Inception Score, KID, precision and recall, with intervals."""

from ddpm_study.metrics.features.extractors import choose
from ddpm_study.metrics.features.feature_extraction import Extractor, Features, features
from ddpm_study.metrics.score import ENOUGH, Scores, score

__all__ = ["ENOUGH", "Extractor", "Features", "Scores", "choose", "features", "score"]
