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


@contextmanager
def without_checkpointing() -> Iterator[None]:
    """Have `torch.utils.checkpoint.checkpoint` call its function and nothing more.

    Both of its forms are replaced where they are implemented, so how a model has imported it does
    not matter.
    """
    names = ("apply", "_checkpoint_without_reentrant_generator")
    function, module = checkpointing.CheckpointFunction, checkpointing
    reentrant, other = vars(function).get(names[0]), getattr(module, names[1])
    setattr(function, names[0], staticmethod(_called))
    setattr(module, names[1], _once)
    try:
        yield
    finally:
        setattr(module, names[1], other)
        if reentrant is None:
            delattr(function, names[0])
        else:
            setattr(function, names[0], reentrant)


def _called(function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
    return function(*args)


def _once(*args: Any, **kwargs: Any) -> Iterator[None]:
    """Stand for the generator that runs until the function is called, and once after it."""
    yield
