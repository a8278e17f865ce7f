"""The stage that compares the noise schedules, on the project's own and on a wrong one."""

import pytest

from ddpm.config import preset
from ddpm_study.run.records import RunFolder
from ddpm_study.run.sizes import SIZES
from ddpm_study.run.stage import Context
from ddpm_study.stages import parity
from parity.report.json import read


@pytest.fixture
def context(tmp_path):
    config = preset("tiny").with_(diffusion={"T": 20})
    return Context(RunFolder(tmp_path), "tiny", "mnist", None, config, SIZES["tiny"])


def test_both_schedules_pass(context):
    result = parity.compare_schedules(context)
    assert result["passed"]
    assert read(context.folder.path / result["report"]).passed
    assert {t["table"] for t in result["tables"]} >= {"beta", "alpha_bar", "posterior_variance"}


def test_a_wrong_table_fails_and_is_named(context, monkeypatch):
    table = parity._table

    def wrong(framework, name, config):
        values = table(framework, name, config)
        off = framework == "jittor" and name == "alpha_bar"
        return values * (1 + 1e-9) if off else values

    monkeypatch.setattr(parity, "_table", wrong)
    result = parity.compare_schedules(context)
    assert not result["passed"]
    assert result["verdict"] == "SEMANTIC_DIFFERENCE"
    first = read(context.folder.path / result["report"]).first_divergence
    assert first is not None
    assert first.tensor == "alpha_bar"
