"""Where the tensors of a training step are."""

from __future__ import annotations

import pytest

from parity.report.wording import tensor_name
from parity.steps import sites
from parity.trace.sites import TensorSite

EVERY: dict[str, TensorSite] = {
    "batch": sites.batch(1, "0"),
    "model_input": sites.model_input("net", 1, "x"),
    "mode": sites.mode("net", 1),
    "output": sites.output("net", 1, "x"),
    "buffer": sites.buffer("net.norm.running_var"),
    "loss": sites.loss("adam", 1),
    "output_gradient": sites.output_gradient("net", 1, "x"),
    "gradient": sites.gradient("net.conv.weight", 1),
    "given_gradient": sites.given_gradient("net.conv.weight", 1),
    "lr": sites.setting("net.conv.weight", "lr", 1),
    "eps": sites.setting("net.conv.weight", "eps", 1),
    "counted": sites.counted("adam", 1),
    "weight": sites.weight("net.conv.weight", 1),
    "exp_avg": sites.state("net.conv.weight", "exp_avg", 1),
    "exp_avg_sq": sites.state("net.conv.weight", "exp_avg_sq", 1),
    "rate_after": sites.rate_after("net.conv.weight"),
    "average": sites.average("ema", "net.conv.weight"),
    "structure": sites.structure("forward", "calls of net"),
}
PHASES = {
    **dict.fromkeys(("batch", "model_input"), "data"),
    **dict.fromkeys(("mode", "output", "buffer", "structure"), "forward"),
    **dict.fromkeys(("loss", "output_gradient"), "loss"),
    **dict.fromkeys(("gradient",), "backward"),
    **dict.fromkeys(("given_gradient",), "clipping"),
    **dict.fromkeys(("eps", "counted", "weight", "exp_avg", "exp_avg_sq"), "optimizer"),
    **dict.fromkeys(("lr", "rate_after"), "scheduler"),
    **dict.fromkeys(("average",), "average"),
}


def test_no_two_kinds_of_tensor_share_a_site() -> None:
    assert len(set(EVERY.values())) == len(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_a_site_is_of_a_loop_and_in_its_phase(name: str) -> None:
    site = EVERY[name]
    assert site.scope == "loop"
    assert site.phase == PHASES[name]
    assert site.step is None
    assert site.tap is None
    assert site.owner == site.path


@pytest.mark.parametrize("name", ["gradient", "given_gradient", "lr", "eps", "weight", "exp_avg"])
def test_a_parameter_belongs_to_its_module(name: str) -> None:
    site = EVERY[name]
    assert (site.path, site.label, site.call) == ("net.conv", "weight", 1)


def test_a_parameter_of_the_model_itself_has_no_module() -> None:
    site = sites.weight("scale", 0)
    assert (site.path, site.label) == ("", "scale")


@pytest.mark.parametrize(
    "make",
    [
        lambda n: sites.batch(n, ""),
        lambda n: sites.model_input("", n, "x"),
        lambda n: sites.mode("", n),
        lambda n: sites.output("", n, ""),
        lambda n: sites.loss("", n),
        lambda n: sites.output_gradient("", n, ""),
        lambda n: sites.gradient("w", n),
        lambda n: sites.given_gradient("w", n),
        lambda n: sites.setting("w", "lr", n),
        lambda n: sites.counted("", n),
        lambda n: sites.weight("w", n),
        lambda n: sites.state("w", "exp_avg", n),
    ],
)
def test_the_number_tells_events_apart(make: object) -> None:
    assert callable(make)
    assert make(0) != make(1)
    assert make(1).call == 1


def test_states_settings_and_averages_are_grouped_by_name() -> None:
    assert sites.state("w", "exp_avg", 0).group == "exp_avg"
    assert sites.setting("w", "betas.0", 0).group == "betas.0"
    assert sites.average("ema", "w").group == "average ema"
    assert sites.average("", "w").group == "average"


def test_people_can_tell_the_tensors_of_a_phase_apart() -> None:
    texts = {(site.phase, site.path, tensor_name(site)) for site in EVERY.values()}
    assert len(texts) == len(EVERY)
