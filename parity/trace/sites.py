"""Names of compared tensors, as data: the text for people is made in `parity.report.text`."""

from __future__ import annotations

from typing import Literal, NamedTuple

Phase = Literal[
    "init",
    "forward",
    "backward",
    "optimizer",
    "schedule",
    "loss",
    "sampling",
    # Of a user's own training loop only.
    "data",
    "clipping",
    "scheduler",
    "average",
]
Port = Literal["input", "output", "loss"]
BoundaryPort = Literal["input", "output", "loss", "start", "end"]
# isolated: each segment between two taps is fed the reference's own input. end_to_end: the model
# runs as its user runs it. step: one step of a trajectory from equal states. free_run: a trajectory
# that is never reset. built: before anything has run. loop: a step of a user's own training loop.
Scope = Literal["isolated", "end_to_end", "step", "free_run", "built", "loop"]
Quantity = Literal[
    "input",
    "output",
    "loss",
    "buffer",
    "input_gradient",
    "output_gradient",
    "parameter_gradient",
    "parameter",
    "state",
    "reported",
    "table",
    "structure",  # of the outputs
    "batch",
    "mode",  # training or evaluation
    "given_gradient",  # as the optimizer is given it
    "setting",  # of an optimizer
    "named",  # read from a file that says no more than a name
]


class Tap(NamedTuple):
    """A named point: one tensor that enters or leaves one call of one module.

    Attributes:
        path: the module's path in the reference, `""` for the model itself.
        call: number of the call of this module, from 0.
        port: whether the tensor enters or leaves, or is the loss.
        label: the tensor's place in nested arguments or results, `""` for the only one.
    """

    path: str
    call: int
    port: Port
    label: str


class Boundary(NamedTuple):
    """Where a module begins or ends, or where the run does.

    Attributes:
        port: `input` and `output` of a module, `start` and `end` of the run.
        path: the module's path.
    """

    port: BoundaryPort
    path: str = ""


class Segment(NamedTuple):
    """The code between two neighbouring boundaries."""

    before: Boundary
    after: Boundary


class TensorSite(NamedTuple):
    """Where a compared tensor is.

    Attributes:
        phase: of the run.
        path: the reference's module that answers for the tensor: the module itself for what leaves
            it, its caller for what enters it, `""` for the model itself.
        quantity: kind of tensor.
        label: its name: a parameter's or buffer's, or the place in nested arguments or results.
        owner: the module whose tensor it is; differs from `path` for what a caller passes in.
        call: number of the module's call, from 0.
        group: of a trajectory's state, `exp_avg` for example.
        scope: kind of run.
        step: of a free run.
        tap: where the recorder met the tensor; None for parameters, buffers and states.
    """

    phase: Phase
    path: str
    quantity: Quantity
    label: str = ""
    owner: str = ""
    call: int = 0
    group: str = ""
    scope: Scope = "isolated"
    step: int | None = None
    tap: Tap | None = None

    @property
    def is_end_to_end(self) -> bool:
        """Tell whether the run was as its user's: neither cut nor reset."""
        return self.scope == "end_to_end"


def parent(path: str) -> str:
    """Return the path of the module around a module, parameter or buffer."""
    return path.rpartition(".")[0]


def of_parameter(phase: Phase, path: str, quantity: Quantity, **fields: str) -> TensorSite:
    """Return the site of a parameter's or buffer's tensor, given its full path."""
    owner, _, name = path.rpartition(".")
    return TensorSite(phase, owner, quantity, name, owner, **fields)  # type: ignore[arg-type]
