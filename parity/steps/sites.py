"""Where the tensors of a training step are, in the words of a report.

Phases are in the order in which things happen: data, forward, loss, backward, clipping, optimizer,
scheduler, average. The path of what belongs to one of several models begins with its name.
"""

from __future__ import annotations

from parity.trace.sites import Phase, Quantity, TensorSite


def _site(phase: Phase, owner: str, quantity: Quantity, label: str, call: int = 0) -> TensorSite:
    return TensorSite(phase, owner, quantity, label, owner, call, scope="loop")


def _of_path(phase: Phase, path: str, quantity: Quantity, call: int, group: str = "") -> TensorSite:
    owner, _, label = path.rpartition(".")
    return _site(phase, owner, quantity, label, call)._replace(group=group)


def batch(number: int, label: str) -> TensorSite:
    """Return the site of a tensor of a batch."""
    return _site("data", "", "batch", label, number)


def model_input(model: str, call: int, label: str) -> TensorSite:
    """Return the site of what a call of a model was given."""
    return _site("data", model, "input", label, call)


def mode(model: str, call: int) -> TensorSite:
    """Return the site of the mode of a model, training or evaluation."""
    return _site("forward", model, "mode", "training mode", call)


def output(model: str, call: int, label: str) -> TensorSite:
    """Return the site of what a call of a model returned."""
    return _site("forward", model, "output", label, call)


def buffer(path: str) -> TensorSite:
    """Return the site of a buffer after the step."""
    return _of_path("forward", path, "buffer", 0)


def loss(optimizer: str, step: int) -> TensorSite:
    """Return the site of the loss that a step of an optimizer goes down."""
    return _site("loss", "", "loss", optimizer, step)


def output_gradient(model: str, call: int, label: str) -> TensorSite:
    """Return the site of the gradient of the loss with respect to an output."""
    return _site("loss", model, "output_gradient", label, call)


def gradient(path: str, step: int) -> TensorSite:
    """Return the site of a parameter's gradient as backward passes left it."""
    return _of_path("backward", path, "parameter_gradient", step)


def given_gradient(path: str, step: int) -> TensorSite:
    """Return the site of a parameter's gradient as the optimizer was given it."""
    return _of_path("clipping", path, "given_gradient", step)


def setting(path: str, name: str, step: int) -> TensorSite:
    """Return the site of a number that the optimizer uses for a parameter."""
    phase: Phase = "scheduler" if name == "lr" else "optimizer"
    return _of_path(phase, path, "setting", step, name)


def counted(optimizer: str, step: int) -> TensorSite:
    """Return the site of the number of steps that an optimizer counted in one."""
    return _site("optimizer", optimizer, "reported", "number of steps counted", step)


def weight(path: str, step: int) -> TensorSite:
    """Return the site of a parameter after a step of its optimizer."""
    return _of_path("optimizer", path, "parameter", step)


def left_weight(path: str, call: int) -> TensorSite:
    """Return the site of a parameter as the script leaves it, before a call or at the end."""
    return _of_path("optimizer", path, "parameter", call, "as the script leaves it")


def state(path: str, name: str, step: int) -> TensorSite:
    """Return the site of an optimizer's state of a parameter after its step."""
    return _of_path("optimizer", path, "state", step, name)


def rate_after(path: str) -> TensorSite:
    """Return the site of a parameter's learning rate at the end of a training step."""
    return _of_path("scheduler", path, "setting", 0, "lr after the step")


def average(name: str, path: str) -> TensorSite:
    """Return the site of an average of a weight at the end of a training step."""
    return _of_path("average", path, "state", 0, f"average {name}".strip())


def structure(phase: Phase, what: str) -> TensorSite:
    """Return the site of a number of events, such as calls."""
    return _site(phase, "", "reported", what)
