"""Sites are data: two tensors that are compared apart have two sites."""

from __future__ import annotations

import itertools
import subprocess
import sys
import typing

import pytest

from parity.trace.sites import Phase, Quantity, Scope, TensorSite, of_parameter, parent

SITE = TensorSite("forward", "a", "output", "x", "a")


@pytest.mark.parametrize(
    ("path", "around"), [("a.b.c", "a.b"), ("a", ""), ("", ""), ("down.0.weight", "down.0")]
)
def test_the_parent_of_a_path_is_one_level_up(path: str, around: str) -> None:
    assert parent(path) == around


def test_a_parameter_belongs_to_its_module() -> None:
    site = of_parameter("backward", "down.0.weight", "parameter_gradient")
    assert (site.path, site.owner, site.label) == ("down.0", "down.0", "weight")
    assert of_parameter("backward", "scale", "parameter_gradient").path == ""


def test_what_is_given_besides_is_kept() -> None:
    site = of_parameter("optimizer", "a.w", "state", group="exp_avg", scope="step")
    assert (site.group, site.scope) == ("exp_avg", "step")


def test_every_field_tells_tensors_apart() -> None:
    others = [
        SITE._replace(phase="backward"),
        SITE._replace(path="b"),
        SITE._replace(quantity="input"),
        SITE._replace(label="y"),
        SITE._replace(owner="b"),
        SITE._replace(call=1),
        SITE._replace(group="weights"),
        SITE._replace(scope="end_to_end"),
        SITE._replace(step=3),
    ]
    assert len({SITE, *others}) == 1 + len(others)
    assert all(a != b for a, b in itertools.combinations([SITE, *others], 2))


def test_the_words_are_those_of_the_interface() -> None:
    assert set(typing.get_args(Phase)) == {
        "init", "forward", "backward", "optimizer", "schedule", "loss", "sampling",
        "data", "clipping", "scheduler", "average",
    }  # fmt: skip
    assert {"isolated", "end_to_end", "free_run"} < set(typing.get_args(Scope))
    assert {"output", "parameter_gradient", "state", "table"} < set(typing.get_args(Quantity))


def test_sites_are_data_that_need_nothing_of_the_harness() -> None:
    code = "import sys, parity.trace.sites; print(*(m for m in sys.modules if m[:6] == 'parity'))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "parity parity.trace parity.trace.sites"
