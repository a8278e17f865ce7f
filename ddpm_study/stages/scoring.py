"""The stage that scores the images of every sampling, those from other seeds included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ddpm.errors import InputError
from ddpm.images import to_uint8
from ddpm.sampling import SamplingOutcome
from ddpm_study.run.stage import Context
from ddpm_study.stages.sampling import samples_path
from implementations import TITLES

if TYPE_CHECKING:
    from ddpm_study.metrics import Extractor

SPLITS = 4  # of the Inception Score: fewer than the usual 10, as the sets are small


@dataclass(frozen=True)
class _SampleSet:
    """The images of one sampling.

    Attributes:
        title: for the reader.
        framework: that trained and sampled from the run's own seed; empty for other seeds.
        subfolder: of the run, where the images are.
    """

    title: str
    framework: str
    subfolder: str


def score_all(context: Context) -> dict[str, Any]:
    """Score each set of samples against the training set.

    Returns:
        `label` and `inception_label`, names of the scores; `extractor`; `rows`, the scores of each
        set: PyTorch's, Jittor's, Jittor's from PyTorch's weights, then other seeds; `enough`, the
        number of real images from which on their bias is small; and `unavailable`, the reasons
        where no extractor takes these images and `rows` is empty.
    """
    from ddpm_study.metrics import ENOUGH, features, score

    real = to_uint8(context.images)
    extractor, reasons = _extractor(real)
    if extractor is None:
        return {
            "label": "FID",
            "inception_label": "Inception Score",
            "extractor": None,
            "rows": [],
            "enough": ENOUGH,
            "unavailable": reasons,
        }
    real_features = features(real, extractor)
    rows = []
    for samples in _sample_sets(context):
        path = samples_path(context, samples.subfolder)
        images = to_uint8(SamplingOutcome.load(path).images)
        scores = score(
            features(images, extractor), real_features, extractor, splits=_splits(images)
        )
        rows.append(
            {
                "title": samples.title,
                "framework": samples.framework,
                "subfolder": samples.subfolder,
                **scores.to_dict(),
            }
        )
    return {
        "label": extractor.fid_label,
        "inception_label": extractor.inception_label,
        "extractor": extractor.identity,
        "rows": rows,
        "enough": ENOUGH,
        "unavailable": [],
    }


def _extractor(real: np.ndarray) -> tuple[Extractor | None, list[str]]:
    """Return an extractor that takes these images, or None and the reason of each.

    Inception is preferred where its weights are available.
    """
    from ddpm_study.metrics import choose

    reasons = []
    for name in ("inception", "digits"):
        try:
            chosen = choose(name)
            chosen.require(real.shape)
            return chosen, []
        except InputError as error:
            reasons.append(str(error).partition(";")[0])  # the rest is advice for ddpm fid
    return None, reasons


def _sample_sets(context: Context) -> list[_SampleSet]:
    sets = [_SampleSet(f"{TITLES[f]}, own weights", f, f) for f in TITLES]
    sets.append(_SampleSet("Jittor, PyTorch's weights", "jittor", "jittor-from-torch"))
    seeds = context.folder.record("seeds")
    for run in seeds.result["runs"] if seeds is not None else []:
        sets.append(_SampleSet(f"PyTorch, seed {run['seed']}", "", run["subfolder"]))
    return sets


def _splits(images: np.ndarray) -> int:
    return min(SPLITS, max(1, len(images) // 4))
