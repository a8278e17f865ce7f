"""Scores against closed forms, against torchmetrics, and against sets whose scores are known."""

from importlib import import_module

import numpy as np
import pytest
import torch
from scipy import linalg
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.inception import InceptionScore

from ddpm.errors import InputError
from ddpm_study.metrics import Features, score
from ddpm_study.metrics.features.feature_extraction import Extractor
from ddpm_study.metrics.fid import Gaussian, frechet_distance
from ddpm_study.metrics.inception_score import inception_score
from ddpm_study.metrics.intervals import LEAST, extrapolated, interval
from ddpm_study.metrics.kid import PassThrough, kid
from ddpm_study.metrics.precision_recall import precision_recall

RANDOM = np.random.default_rng(0)


def covariance(size, seed):
    draw = np.random.default_rng(seed).standard_normal((size, size))
    return draw @ draw.T + 0.1 * np.eye(size)


@pytest.mark.parametrize("seed", range(3))
def test_frechet_distance_is_the_closed_form_of_gaussians_that_do_not_commute(seed):
    a, b = covariance(6, seed), covariance(6, seed + 10)
    m, n = RANDOM.standard_normal((2, 6))
    found = frechet_distance(Gaussian(m, a, 9), Gaussian(n, b, 9))
    expected = np.sum((m - n) ** 2) + np.trace(a + b - 2 * linalg.sqrtm(a @ b).real)
    assert found == pytest.approx(expected, rel=1e-9)


def test_of_one_dimension_it_is_the_distance_of_means_and_deviations():
    found = frechet_distance(
        Gaussian(np.array([3.0]), np.array([[4.0]]), 9),
        Gaussian(np.array([1.0]), np.array([[25.0]]), 9),
    )
    assert found == pytest.approx((3 - 1) ** 2 + (2 - 5) ** 2)


def test_it_is_the_one_of_torchmetrics():
    fake, real = RANDOM.standard_normal((300, 8)), RANDOM.standard_normal((400, 8)) * 1.5 + 0.2
    metric = FrechetInceptionDistance(PassThrough(8)).set_dtype(torch.float64)
    metric.update(torch.from_numpy(real), real=True)
    metric.update(torch.from_numpy(fake), real=False)
    reference = frechet_distance(Gaussian.of(fake), Gaussian.of(real))
    assert reference == pytest.approx(float(metric.compute()), rel=1e-9)


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("count", [20, 500])
def test_a_set_is_no_distance_from_itself_far_from_zero_or_of_few_images(offset, count):
    """Of 20 vectors in 64 dimensions the covariance is singular."""
    one = Gaussian.of(np.random.default_rng(count).standard_normal((count, 64)) + offset)
    assert abs(frechet_distance(one, one)) < 1e-6


def test_inception_score_of_certain_and_even_classes_is_their_number():
    logits = np.where(np.eye(10)[np.arange(500) % 10] == 1, 0.0, -800.0)
    assert inception_score(logits, splits=1)[0] == pytest.approx(10)


def test_inception_score_of_what_tells_nothing_apart_is_one():
    mean, spread = inception_score(np.zeros((500, 10)), splits=5)
    assert (mean, spread) == (pytest.approx(1), pytest.approx(0))


def test_inception_score_is_the_one_of_torchmetrics():
    logits = RANDOM.standard_normal((200, 7)) * 3
    with pytest.warns(UserWarning, match="Inception"):
        metric = InceptionScore(PassThrough(7), splits=1)
    metric.update(torch.from_numpy(logits))
    with pytest.warns(UserWarning, match="degrees of freedom"):  # of the spread of one split
        expected = float(metric.compute()[0])
    assert inception_score(logits, splits=1)[0] == pytest.approx(expected)


def test_kid_of_one_distribution_is_about_nothing_and_of_two_is_not():
    a, b = RANDOM.standard_normal((2, 600, 16))
    mean, spread = kid(a, b)
    assert abs(mean) < 0.01
    assert kid(a + 1, b)[0] > 0.5
    assert kid(a, b) == (mean, spread)


def test_kid_over_subsets_gathers_around_the_unbiased_estimate_of_all():
    a, b = RANDOM.standard_normal((2, 200, 4)) + np.array([0.5, 0])[:, None, None]

    def kernel(x, y):
        return (x @ y.T / 4 + 1) ** 3

    aa, bb = kernel(a, a), kernel(b, b)
    within = sum((k.sum() - np.trace(k)) / (200 * 199) for k in (aa, bb))
    mean, spread = kid(a, b)
    assert spread > 0.01
    assert mean == pytest.approx(within - 2 * kernel(a, b).mean(), abs=4 * spread / 50**0.5)


@pytest.mark.parametrize(
    ("fake", "expected"),
    [("the same", (1, 1)), ("elsewhere", (0, 0)), ("one of two modes", (1, 0.5))],
)
def test_precision_and_recall_of_clusters(fake, expected):
    grid = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), -1).reshape(-1, 2)
    real = np.concatenate([grid, grid + 1000])
    sets = {
        "the same": real,
        "elsewhere": real + 300,
        "one of two modes": np.concatenate([grid, grid + 0.25]),
    }
    assert precision_recall(sets[fake], real) == expected


def test_extrapolation_takes_a_bias_of_one_over_n_away():
    assert extrapolated(lambda chosen: 5 + 300 / len(chosen), 1000) == pytest.approx(5)


def test_extrapolated_fid_of_one_distribution_is_nearer_to_nothing():
    real, fake = RANDOM.standard_normal((4000, 16)), RANDOM.standard_normal((400, 16))
    target = Gaussian.of(real)

    def fid(chosen):
        return frechet_distance(Gaussian.of(fake[chosen]), target)

    plain = fid(np.arange(400))
    assert plain > 0.15
    assert abs(extrapolated(fid, 400)) < plain / 4


def test_the_interval_of_a_mean_is_that_of_its_standard_error():
    values = RANDOM.standard_normal(400)
    low, high = interval(lambda chosen: values[chosen].mean(), values.mean(), 400)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.25)


def test_of_too_few_images_nothing_is_extrapolated():
    assert extrapolated(lambda chosen: 1.0, LEAST) == pytest.approx(1)
    assert extrapolated(lambda chosen: 1.0, LEAST - 1) is None


def test_an_interval_ends_where_the_score_does():
    """Of a set against itself every resampled distance is above the one that is asked for."""
    values = RANDOM.standard_normal((30, 4))
    target = Gaussian.of(values)

    def fid(chosen):
        return frechet_distance(Gaussian.of(values[chosen]), target)

    free, cut = interval(fid, 0.0, 30), interval(fid, 0.0, 30, least=0)
    assert free[0] < 0
    assert cut == (0, free[1])


def plain():
    return Extractor("digits", "none", lambda images: (_ for _ in ()).throw(AssertionError), print)


def test_scores_of_features_at_hand_hang_together():
    logits = RANDOM.standard_normal((100, 10))
    seen = Features(RANDOM.standard_normal((100, 8)), logits)
    real = Features(RANDOM.standard_normal((300, 8)), RANDOM.standard_normal((300, 10)))
    found = score(seen, real, plain())
    assert found.label == "FID-digits"
    assert found.fid_bias == found.fid - found.fid_infinity
    assert found.fid_interval[0] < found.fid < found.fid_interval[1]
    assert (found.count, found.real_count) == (100, 300)
    assert found.fid_bias_real == pytest.approx(100 / 300 * found.fid_bias, rel=0.5)
    assert score(seen, real, plain()) == found


def normal(count, seed=0):
    vectors = np.random.default_rng([seed, count]).standard_normal((count, 8))
    return Features(vectors, vectors)


def test_the_bias_of_a_small_real_set_is_that_of_its_mean_and_covariance():
    """To second order it is (D + D (D + 1) / 4) / N of N unit normal vectors in D dimensions."""
    found = [score(normal(1000, s), normal(200, s), plain()).fid_bias_real for s in range(6)]
    assert np.mean(found) == pytest.approx((8 + 8 * 9 / 4) / 200, rel=0.2)


def test_of_a_large_real_set_no_bias_is_asked_for(monkeypatch):
    monkeypatch.setattr(import_module("ddpm_study.metrics.score"), "ENOUGH", 200)
    assert score(normal(20), normal(200), plain()).fid_bias_real is None


def test_of_too_few_images_no_bias_is_named():
    found = score(normal(19), normal(100), plain())
    assert (found.fid_infinity, found.fid_bias) == (None, None)
    assert found.fid_bias_real is not None
    assert score(normal(100), normal(19), plain()).fid_bias_real is None


@pytest.mark.parametrize("count", [1, 9])
def test_too_few_images_are_refused(count):
    few = Features(np.zeros((count, 4)), np.zeros((count, 10)))
    with pytest.raises(InputError, match=rf"{count} images? cannot be scored: 10 are needed"):
        score(few, few, plain())


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_real_images_are_refused(count):
    seen = Features(RANDOM.standard_normal((20, 4)), np.zeros((20, 10)))
    few = Features(np.zeros((count, 4)), np.zeros((count, 10)))
    with pytest.raises(InputError, match=rf"{count} images? cannot be scored: 2 are needed"):
        score(seen, few, plain())
