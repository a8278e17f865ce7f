"""The stage that compares the noise schedules, on the project's own and on a wrong one."""

import pytest

from ddpm.config import preset
from ddpm_study import pairs
from ddpm_study.run.records import RunFolder
from ddpm_study.run.sizes import SIZES
from ddpm_study.run.stage import Context
from ddpm_study.stages import parity
from parity import Report


@pytest.fixture
def context(tmp_path):
    config = preset("tiny").with_(diffusion={"T": 20})
    return Context(RunFolder(tmp_path), "tiny", "mnist", None, config, SIZES["tiny"])


def test_both_schedules_pass(context):
    result = parity.compare_schedules(context)
    assert result["passed"]
    assert Report.load(context.folder.path / result["report"]).passed
    assert {t["table"] for t in result["tables"]} >= {"beta", "alpha_bar", "posterior_variance"}


def test_a_wrong_table_fails_and_is_named(context, monkeypatch):
    correct = pairs._tables

    def wrong(framework, config):
        values = correct(framework, config)
        off = {"alpha_bar": values["alpha_bar"] * (1 + 1e-9)}
        return values | off if framework == "jittor" else values

    monkeypatch.setattr(pairs, "_tables", wrong)
    result = parity.compare_schedules(context)
    assert not result["passed"]
    assert result["verdict"] == "SEMANTIC_DIFFERENCE"
    first = Report.load(context.folder.path / result["report"]).first_divergence
    assert first is not None
    assert first.label == "alpha_bar"
