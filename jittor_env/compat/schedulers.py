"""Learning-rate schedulers with PyTorch's timing.

`step()` is called after each epoch; the rates are those of `last_epoch`, which is 0 at first. They
work with the optimizers of this package, whose groups hold their rate as `lr`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from typing import Any


class _Scheduler:
    """Sets each group's rate from the one that it began with.

    Attributes:
        last_epoch: number of the epoch whose rates are set.
        base_lrs: the rates that the groups began with.
    """

    def __init__(self, optimizer: Any, last_epoch: int = -1) -> None:
        if last_epoch != -1:
            raise NotImplementedError("last_epoch: use load_state_dict to continue a schedule")
        for group in optimizer.param_groups:
            if "lr" not in group:
                raise TypeError(
                    f"{type(optimizer).__name__} has no lr in its groups: use one of compat's"
                )
            group.setdefault("initial_lr", group["lr"])
        self.optimizer = optimizer
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = 0
        self._set_rates()

    def _factor(self, base: float) -> float:
        """Return what a group's first rate is multiplied by."""
        raise NotImplementedError

    def step(self) -> None:
        """Go to the next epoch."""
        self.last_epoch += 1
        self._set_rates()

    def _set_rates(self) -> None:
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = base * self._factor(base)

    def get_last_lr(self) -> list[float]:
        """Return the rate of each group."""
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return all attributes but the optimizer."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over `state_dict()`; rates are set at the next step, as in PyTorch."""
        vars(self).update({name: state[name] for name in self.state_dict() if name in state})


class StepLR(_Scheduler):
    """`torch.optim.lr_scheduler.StepLR`; Jittor's own is a step late with `step_size=1`."""

    def __init__(
        self, optimizer: Any, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self, base: float) -> float:
        factor: float = self.gamma ** (self.last_epoch // self.step_size)
        return factor


class MultiStepLR(_Scheduler):
    """`torch.optim.lr_scheduler.MultiStepLR`; Jittor's own decays an epoch late.

    It also counts a milestone that is given twice once.
    """

    def __init__(
        self, optimizer: Any, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self, base: float) -> float:
        factor: float = self.gamma ** bisect_right(self.milestones, self.last_epoch)
        return factor


class ExponentialLR(_Scheduler):
    """`torch.optim.lr_scheduler.ExponentialLR`; Jittor's own starts an epoch late."""

    def __init__(self, optimizer: Any, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self, base: float) -> float:
        factor: float = self.gamma**self.last_epoch
        return factor


class CosineAnnealingLR(_Scheduler):
    """`torch.optim.lr_scheduler.CosineAnnealingLR`; Jittor's own starts an epoch late."""

    def __init__(
        self, optimizer: Any, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def _factor(self, base: float) -> float:
        lowest = self.eta_min / base
        return lowest + (1 - lowest) * (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
