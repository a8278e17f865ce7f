"""A run's tensors by site: in order of execution, each with the module that answers for it."""

from __future__ import annotations

import numpy as np

from parity.trace.sites import Tap, TensorSite
from parity.trace.trace import Trace
from parity.trace.values import end_to_end, tensor_sites

# A model that calls `a`, which calls `a.b`; then its loss.
TAPS = {
    Tap("", 0, "input", "x"): "",
    Tap("a", 0, "input", "x"): "",
    Tap("a.b", 0, "input", "x"): "a",
    Tap("a.b", 0, "output", ""): "a",
    Tap("a", 0, "output", ""): "",
    Tap("", 0, "output", ""): "",
    Tap("", 0, "loss", ""): "",
}


def trace() -> Trace:
    made = Trace()
    for number, (tap, caller) in enumerate(TAPS.items()):
        made.recorded[tap] = np.array([float(number)])
        made.callers[tap] = caller
        if tap.port != "loss":
            made.gradients[tap] = np.array([-float(number)])
    for path in ("a.b.weight", "a.weight", "scale"):
        made.parameter_gradients[path] = np.ones(1)
    made.buffers["a.b.mean"] = np.zeros(1)
    return made


def test_a_module_answers_for_what_leaves_it_and_its_caller_for_what_enters_it() -> None:
    forward = [s for s in tensor_sites(trace()) if s.phase == "forward" and s.quantity != "buffer"]
    assert [(s.path, s.quantity, s.owner) for s in forward] == [
        ("", "input", ""),
        ("", "input", "a"),
        ("a", "input", "a.b"),
        ("a.b", "output", "a.b"),
        ("a", "output", "a"),
        ("", "output", ""),
    ]


def test_backward_it_is_the_other_way_round_and_the_order_is_from_the_end() -> None:
    backward = [s for s in tensor_sites(trace()) if s.phase == "backward" and s.tap is not None]
    assert [(s.path, s.quantity, s.owner) for s in backward] == [
        ("", "output_gradient", ""),
        ("", "output_gradient", "a"),
        ("a", "output_gradient", "a.b"),
        ("a.b", "input_gradient", "a.b"),
        ("a", "input_gradient", "a"),
        ("", "input_gradient", ""),
    ]


def test_gradients_of_parameters_follow_those_of_their_modules_input() -> None:
    sites = list(tensor_sites(trace()))
    for path in ("a.b", "a"):
        (entered,) = [s for s in sites if s.quantity == "input_gradient" and s.owner == path]
        (weight,) = [s for s in sites if s.quantity == "parameter_gradient" and s.path == path]
        assert sites.index(weight) == sites.index(entered) + 1
    assert (sites[-1].quantity, sites[-1].label, sites[-1].path) == (
        "parameter_gradient", "scale", "",
    )  # fmt: skip


def test_a_parameter_of_an_untapped_module_is_not_lost() -> None:
    made = trace()
    made.parameter_gradients["elsewhere.weight"] = np.full(2, 7.0)
    values = tensor_sites(made)
    (site,) = [s for s in values if s.path == "elsewhere"]
    assert (values[site] == 7).all()


def test_each_site_has_the_tensor_of_its_tap() -> None:
    values = tensor_sites(trace())
    for number, tap in enumerate(TAPS):
        sign = {s.phase != "backward": float(values[s][0]) for s in values if s.tap == tap}
        assert sign.pop(True) == number
        assert sign in ({False: -float(number)}, {})
    (loss,) = [s for s in values if s.phase == "loss"]
    assert (loss.quantity, loss.path) == ("loss", "")


def test_end_to_end_the_model_answers_and_the_owner_stays() -> None:
    site = TensorSite("backward", "a", "parameter_gradient", "weight", "a")
    renamed = end_to_end(site)
    assert (renamed.path, renamed.owner, renamed.scope) == ("", "a", "end_to_end")
    values = tensor_sites(trace()).renamed(end_to_end)
    assert len(values) == len(tensor_sites(trace()))
    assert {s.path for s in values} == {""}
