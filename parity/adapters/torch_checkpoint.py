"""Runs models without gradient checkpointing, which would compute layers a second time.

What it computes again in a backward pass is not what the harness has passed on, so an isolated run
would have other gradients. Without it the gradients are the same by PyTorch's own promise, and more
memory is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch.utils.checkpoint as checkpointing

# The implementation of the form that is not reentrant: before PyTorch 2.1 a function, later a
# generator, which has another name since 2.13.
_OTHER = "_checkpoint_without_reentrant"


@contextmanager
def without_checkpointing() -> Iterator[None]:
    """Have `torch.utils.checkpoint.checkpoint` call its function and nothing more.

    Both of its forms are replaced where they are implemented, so how a model has imported it does
    not matter.
    """
    function, module = checkpointing.CheckpointFunction, checkpointing
    reentrant = vars(function).get("apply")
    others = {name: value for name, value in vars(module).items() if name.startswith(_OTHER)}
    setattr(function, "apply", staticmethod(_called))  # noqa: B010 - no method for mypy
    for name in others:
        setattr(module, name, _once if "generator" in name else _called_alone)
    try:
        yield
    finally:
        for name, other in others.items():
            setattr(module, name, other)
        if reentrant is None:
            delattr(function, "apply")
        else:
            setattr(function, "apply", reentrant)  # noqa: B010


def _called(function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
    return function(*args)


def _called_alone(
    function: Callable[..., Any],
    preserve_rng_state: bool = True,
    *args: Any,
    context_fn: Any = None,
    **kwargs: Any,
) -> Any:
    return function(*args, **kwargs)


def _once(*args: Any, **kwargs: Any) -> Iterator[None]:
    """Stand for the generator that runs until the function is called, and once after it."""
    yield
