"""What a score of few images is said to be worth, and images that nothing can see."""

import numpy as np
import pytest

from ddpm.config import preset
from ddpm.data.image_set import ImageSet
from ddpm_study.run.records import RunFolder
from ddpm_study.run.sizes import SIZES
from ddpm_study.run.stage import Context
from ddpm_study.stages import scoring


def row(count, bias, real_count, bias_real):
    return {
        "fid": 5.0,
        "count": count,
        "fid_bias": bias,
        "real_count": real_count,
        "fid_bias_real": bias_real,
    }


@pytest.mark.parametrize(
    ("numbers", "lines"),
    [
        ((500, 0.5, 5000, 0.25), ["which adds about 0.50", "5,000 images, which adds about 0.25"]),
        ((9, None, 12, None), ["of 9 images, too few to say", "12 images, too few to say"]),
        ((500, 0.5, 50_000, None), ["which adds about 0.50"]),
        ((100, -0.5, 5000, -0.1), ["adds less than scatters", "adds less than scatters"]),
    ],
)
def test_both_numbers_of_images_are_named_with_what_they_add(numbers, lines):
    remarks = scoring._remarks([row(*numbers)] * 3, "FID-digits")[1:]
    assert len(remarks) == len(lines)
    for remark, line in zip(remarks, lines, strict=True):
        assert line in remark


def test_what_no_extractor_can_see_is_said_with_the_reason_of_each(tmp_path, monkeypatch):
    monkeypatch.delenv("DDPM_INCEPTION_WEIGHTS", raising=False)
    patches = ImageSet(np.zeros((4, 3, 32, 32), np.float32), np.zeros(4, np.int64), ("patch",))
    context = Context(
        RunFolder(tmp_path), "tiny", "patches", patches, preset("tiny"), SIZES["tiny"]
    )
    found = scoring.score_all(context)
    assert found["rows"] == []
    (remark,) = found["remarks"]
    assert "so they have no scores" in remark
    assert "no weights were named" in remark
    assert "these are 3 x 32 x 32" in remark
