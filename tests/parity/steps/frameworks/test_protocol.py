"""Both frameworks have every method that the harness calls, with the same arguments."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import jittor_env
from parity.steps.frameworks.protocol import Listener, Loop, WatchedOptimizer
from parity.steps.frameworks.torch_loop import TorchLoop
from parity.steps.frameworks.torch_optimizer import TorchOptimizer
from parity.steps.loop.observer import StepObserver

jittor_env.load()

from parity.steps.frameworks.jittor_loop import JittorLoop  # noqa: E402
from parity.steps.frameworks.jittor_optimizer import JittorOptimizer  # noqa: E402


def methods(kind: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(kind).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }


CASES = [
    (protocol, kind, name)
    for protocol, kinds in (
        (Loop, (TorchLoop, JittorLoop)),
        (WatchedOptimizer, (TorchOptimizer, JittorOptimizer)),
        (Listener, (StepObserver,)),
    )
    for kind in kinds
    for name in methods(protocol)
]


def test_the_protocols_have_methods() -> None:
    assert {"hold", "force", "second_differences"} <= set(methods(Loop))
    assert {"state", "set_state", "take_step"} <= set(methods(WatchedOptimizer))
    assert {"batch", "call", "step_begins"} <= set(methods(Listener))


@pytest.mark.parametrize(("protocol", "kind", "name"), CASES)
def test_a_method_takes_what_the_protocol_says(protocol: type, kind: type, name: str) -> None:
    own = inspect.signature(getattr(kind, name)).parameters
    wanted = inspect.signature(getattr(protocol, name)).parameters
    assert list(own) == list(wanted)
    for parameter in wanted:
        assert own[parameter].kind == wanted[parameter].kind
        assert own[parameter].default == wanted[parameter].default
