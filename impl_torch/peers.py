"""The connection between the processes of a run, which can break while they train.

A broken connection is known by the operation that failed, for PyTorch raises the same exception
for it as for any fault: each operation between processes is made here, and one that fails leaves
the connection marked as lost.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch.distributed as dist
from torch import Tensor, nn
from torch.futures import Future

from ddpm.errors import PeersLost


class Connection:
    """The connection to the other processes that torchrun started (gloo, on the CPU).

    Args:
        timeout: seconds to wait for another process, when they meet and in each operation.

    Raises:
        PeersLost: the processes do not meet.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.lost = ""
        self._since = time.monotonic()
        with self._required():
            dist.init_process_group("gloo", timeout=timedelta(seconds=timeout))
            # The default group is kept alive by DistributedDataParallel and by modules of torch
            # that are imported after it, so its threads outlive the interpreter. A thread that then
            # still holds a Python tensor aborts the process. What is summed here are Python
            # tensors, and so they need a group that ends in time.
            self._group = dist.new_group(timeout=timedelta(seconds=timeout))

    def sum(self, tensor: Tensor) -> None:
        """Replace a tensor by its sum over the processes, equal to the bit in each.

        Raises:
            RuntimeError: another process is gone; `lost` says so.
        """
        self._since = time.monotonic()
        with self._noted():
            dist.all_reduce(tensor, group=self._group)

    def replica(self, model: nn.Module) -> nn.Module:
        """Return the model with gradients that are means over the processes.

        Raises:
            PeersLost: another process is gone, or has another model.
        """
        self._since = time.monotonic()
        with self._required():
            replica = nn.parallel.DistributedDataParallel(model)
            # The replica may live longer than this connection, which its group must not.
            this = weakref.proxy(self)
            replica.register_comm_hook(None, lambda state, bucket: this._average(bucket.buffer()))
        return replica

    def _average(self, gradient: Tensor) -> Future[Tensor]:
        """Start to average a part of the gradient, as DistributedDataParallel itself does."""
        self._since = time.monotonic()
        gradient.mul_(1 / dist.get_world_size())
        work = dist.all_reduce(gradient, group=self._group, async_op=True)
        this = weakref.proxy(self)
        future: Future[Tensor] = work.get_future().then(lambda result: this._result(result))
        return future

    def _result(self, future: Future[list[Tensor]]) -> Tensor:
        with self._noted():
            return future.value()[0]

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Note that an operation between processes failed."""
        try:
            yield
        except RuntimeError:
            self.lost = self.lost or self._reason()
            raise

    @contextmanager
    def _required(self) -> Iterator[None]:
        """Raise PeersLost where an operation between processes fails before any training."""
        try:
            yield
        except RuntimeError as error:
            raise PeersLost(
                f"the {_size()} processes cannot start together: {self._reason()}; check that every"
                " host reaches the others, and that GLOO_SOCKET_IFNAME names its interface to them"
            ) from error

    def _reason(self) -> str:
        if time.monotonic() - self._since >= self.timeout:
            return f"another process has not answered for {self.timeout:g} s (--peer-timeout)"
        return "another process, or its host, has ended or closed the connection"


def _size() -> str:
    return str(dist.get_world_size()) if dist.is_initialized() else ""
