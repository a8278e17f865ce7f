"""The stage that compares the noise schedules, on the project's own and on a wrong one."""

from dataclasses import replace

import pytest

from ddpm.config import preset
from ddpm_study.pairs import schedule_tables
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
    assert all(max(t["torch"], t["jittor"]) <= t["explained"] for t in result["tables"])


def test_a_wrong_table_fails_and_is_named(context, monkeypatch):
    def with_a_fault(name, config):
        tables = schedule_tables(name, config)
        values = tables.candidate()
        wrong = {**values, "alpha_bar": values["alpha_bar"] * (1 + 1e-9)}
        return replace(tables, candidate=lambda: wrong)

    monkeypatch.setattr(parity, "schedule_tables", with_a_fault)
    result = parity.compare_schedules(context)
    assert not result["passed"]
    assert result["verdict"] == "SEMANTIC_DIFFERENCE"
    first = Report.load(context.folder.path / result["report"]).first_divergence
    assert first is not None
    assert first.tensor == "alpha_bar"
    (table,) = [t for t in result["tables"] if t["table"] == "alpha_bar"]
    assert table["jittor"] > table["explained"] >= table["torch"]
