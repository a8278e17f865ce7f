"""Remarks say what few images do to a score, and why there is none."""

import pytest

from ddpm_study.page.score_remarks import score_remarks


def result(*rows, unavailable=()):
    return {
        "label": "FID-digits",
        "rows": list(rows),
        "enough": 10_000,
        "unavailable": list(unavailable),
    }


def row(count=500, bias=0.5, real_count=5000, bias_real=0.25, fid=5.0):
    return {
        "fid": fid,
        "count": count,
        "fid_bias": bias,
        "real_count": real_count,
        "fid_bias_real": bias_real,
    }


@pytest.mark.parametrize(
    ("numbers", "lines"),
    [
        (
            (500, 0.5, 5000, 0.25),
            ["Using only 500 images raises FID-digits by about 0.50", "5,000 images raises"],
        ),
        ((9, None, 12, None), ["of 9 images. These are too few", "12 images. These are too few"]),
        ((500, 0.5, 50_000, None), ["raises FID-digits by about 0.50"]),
        ((100, -0.5, 5000, -0.1), ["too small to measure", "too small to measure"]),
    ],
)
def test_the_bias_from_finite_sets_is_named(numbers, lines):
    remarks = score_remarks(result(*[row(*numbers)] * 3))[1:]
    assert len(remarks) == len(lines)
    for remark, line in zip(remarks, lines, strict=True):
        assert line in remark


def test_the_range_over_seeds_says_what_a_difference_is_worth():
    rows = [row(fid=5.0), row(fid=5.1), row(fid=5.0), row(fid=5.5), row(fid=4.75)]
    first, second = score_remarks(result(*rows))[:2]
    assert "minus PyTorch's is +0.0000; with the weights that each framework trained, +0.1000" in (
        first
    )
    assert "from 3 seeds, ranges from 4.75 to 5.50" in second
    assert "0.75, says nothing" in second


def test_each_reason_is_named_where_there_are_no_scores():
    (remark,) = score_remarks(result(unavailable=["no weights were named", "these are too large"]))
    assert "no weights were named, and these are too large" in remark
