"""The interface between a framework's training loop and what follows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from parity.adapters.protocol import Adapter, Tensor
from parity.base.numerics import Array
from parity.steps.step_data import Arrays, DrawFamily

# (gradient that arrived) -> the gradient to pass on in its place, None for the same.
Receive = Callable[[Array], "Array | None"]


class Listener(Protocol):
    """Learns what happens in a loop, and may change what is passed on."""

    def batch(self, batch: Any) -> Any:
        """Return the batch that the loop gets."""

    def draw(self, family: DrawFamily, result: Tensor) -> Tensor:
        """Return the random numbers that the script gets."""

    def call(
        self,
        model: str,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Call a model's own forward function and return what its caller gets."""

    def backward_begins(self, loss: Tensor) -> None:
        """Begin a backward pass."""

    def contribution(self, path: str, gradient: Tensor) -> Tensor:
        """Return the gradient that a backward pass adds to a parameter's."""

    def backward_ends(self) -> None:
        """End it."""

    def step_begins(self, optimizer: str) -> None:
        """Begin a step of an optimizer, whose gradients are there."""

    def step_ends(self, optimizer: str) -> None:
        """End it."""

    def paused(self) -> AbstractContextManager[None]:
        """Return a context in which it does not listen."""


class WatchedOptimizer(Protocol):
    """An optimizer of a framework; parameters are named by their own path with their model's."""

    def name_parameters(self, names: Mapping[int, str], *, is_partial: bool) -> None:
        """Name the parameters anew; see `Loop.optimizer`."""

    def paths(self) -> list[str]:
        """Return the names of its parameters."""

    def gradients(self) -> Arrays:
        """Return the gradients that it is to use; zeros where there is none."""

    def set_gradients(self, gradients: Mapping[str, Array]) -> None:
        """Replace them."""

    def is_fresh(self) -> bool:
        """Tell whether the next backward pass starts from gradients of zero."""

    def settings(self) -> dict[str, dict[str, float]]:
        """Return the numbers that it was made with or given since, of each parameter."""

    def set_rates(self, rates: Mapping[str, float]) -> Callable[[], None]:
        """Set the learning rates; return what puts them back."""

    def count(self) -> int | None:
        """Return the number that the step about to be taken has, from 1.

        None where its steps do not depend on how many there have been.
        """

    def counted(self) -> int:
        """Return by how much that number has grown since the last step."""

    def state(self) -> dict[str, Arrays]:
        """Return its state by PyTorch's names and path; zeros where it is not there yet."""

    def set_state(self, state: Mapping[str, Mapping[str, Array]], count: int | None) -> None:
        """Set it, so that the next step has a number."""

    def start_from(self, state: Mapping[str, Mapping[str, Array]], count: int | None) -> None:
        """Set it before the backward pass of the step with that number."""

    def snapshot(self) -> Callable[[], None]:
        """Return a function that puts state and gradients back as they are now."""

    def take_step(self) -> None:
        """Take a step of which no listener learns."""


class Loop(Protocol):
    """A training loop of a framework."""

    def add_model(self, name: str, adapter: Adapter) -> None:
        """Look into one more model."""

    def optimizer(
        self, name: str, optimizer: Any, names: Mapping[int, str], *, is_partial: bool = False
    ) -> WatchedOptimizer:
        """Return an optimizer as the harness sees it.

        Args:
            name: by which the listener knows it.
            optimizer: of the framework.
            names: identity of a parameter -> its name.
            is_partial: whether parameters without a name are left alone.

        Raises:
            CannotCompare: it is no optimizer of the framework, or has a parameter without a name.
        """

    def watching(self, listener: Listener) -> AbstractContextManager[None]:
        """Return a context in which the listener learns what happens."""

    def watch_draws(self, on: bool) -> None:
        """Begin or stop telling of random numbers, which costs time."""

    def release(self) -> None:
        """Forget the outputs that are held."""

    def drawing_again(self) -> AbstractContextManager[None]:
        """Return a context in which the listener is asked for random numbers, whatever else is."""

    def hold(self, tensor: Tensor, receive: Receive, *, alone: bool) -> Tensor:
        """Return a tensor of the same values, whose gradient is received.

        Args:
            tensor: to be returned.
            receive: called with the gradient that comes from the caller's use of it.
            alone: whether no other output can depend on it; then it is returned itself.
        """

    def force(self, tensor: Tensor, array: Array, receive: Receive) -> Tensor:
        """Return a tensor of other values, whose gradient is received and passed on as received."""

    def constant(self, array: Array, like: Tensor) -> Tensor:
        """Return a tensor of an array's values and of the form of another tensor."""

    def is_tensor(self, value: object) -> bool:
        """Tell whether a value is one of the framework's tensors."""

    def to_numpy(self, tensor: Tensor) -> Array:
        """Return a copy of a tensor, in a dtype that NumPy has."""

    def has_gradient(self, tensor: Tensor) -> bool:
        """Tell whether gradients flow to a tensor."""

    def enables_gradients(self) -> bool:
        """Tell whether operations are differentiated at the moment."""

    def modes(self, adapter: Adapter) -> list[bool | None]:
        """Return whether each module is in training mode, the model first; None: it has no mode."""

    def set_modes(self, adapter: Adapter, modes: Sequence[bool | None]) -> None:
        """Set the mode of each module."""

    def second_differences(
        self, loss: Tensor, outputs: Sequence[Tensor], changes: Sequence[Sequence[Array]]
    ) -> list[float] | None:
        """Return how far each output's gradient of the loss moves under changes of all outputs.

        Args:
            loss: one number.
            outputs: whose gradients are meant.
            changes: of each of some trials, a change of each output.

        Returns:
            The largest over the trials; None where the loss cannot be differentiated twice.
        """
