"""SGD, Adam and AdamW with PyTorch's formulas, defaults and order of calls.

They differ from Jittor's in this: gradients add up until `zero_grad()`, which `step()` does not
call; without gradients `step()` does nothing; and `n_step` counts steps, not backward passes. With
a loss, `step(loss)` is `zero_grad(); backward(loss); step()` in one call, as Jittor's users write.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jittor as jt
import numpy as np

from jittor_env.compat.numerics import constant

_FRESH = "_Optimizer__zero_grad"  # Jittor's private flag: whether there are no gradients
# What a group holds besides its settings.
_NOT_SETTINGS = ("params", "grads")


class _Optimizer(jt.optim.Optimizer):
    """The common part of the optimizers.

    Attributes:
        param_groups: dicts with `params`, all settings by PyTorch's names, and a list of Vars, one
            for each parameter, for each of `_states`.
        n_step: number of steps taken.
    """

    _states: tuple[str, ...] = ()
    n_step: int

    def __init__(self, params: Iterable[Any], defaults: Mapping[str, Any]) -> None:
        for name in ("lr", "eps", "weight_decay"):
            if defaults.get(name, 0) < 0:
                raise ValueError(f"Invalid {name} value: {defaults[name]}")
        self._defaults = dict(defaults)
        given = list(params)
        if not given:
            raise ValueError("optimizer got an empty parameter list")
        groups = given if isinstance(given[0], dict) else [{"params": given}]
        self.param_groups: list[dict[str, Any]] = []
        super().__init__([dict(group) for group in groups], defaults["lr"])
        groups, self.param_groups = self.param_groups, []
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Add a dict with `params`, a Var or several, and settings of its own."""
        params = group["params"]
        group["params"] = [params] if isinstance(params, jt.Var) else list(params)
        for name, value in self._defaults.items():
            group.setdefault(name, value)
        for name in self._states_of(group):
            group[name] = [jt.zeros_like(p).stop_grad() for p in group["params"]]
        if "grads" in self.param_groups[0] if self.param_groups else False:
            group["grads"] = [jt.zeros_like(p).stop_grad() for p in group["params"]]
        self.param_groups.append(group)

    def _states_of(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        return self._states

    @property
    def lr(self) -> float:
        """The learning rate of the first group; assigning sets all groups'."""
        rate: float = self.param_groups[0]["lr"]
        return rate

    @lr.setter
    def lr(self, rate: float) -> None:
        for group in self.param_groups:
            group["lr"] = rate

    def backward(self, loss: Any, retain_graph: bool = False) -> None:
        """Add the gradients of a loss to those since `zero_grad()`."""
        count = self.n_step
        super().backward(loss, retain_graph)
        self.n_step = count

    def step(self, loss: Any = None, retain_graph: bool = False) -> None:
        """Move the parameters by their gradients, or by those of the given loss alone."""
        if loss is not None:
            self.zero_grad()
            self.backward(loss, retain_graph)
        if getattr(self, _FRESH):
            return
        self.n_step += 1
        with jt.flag_scope(node_order=1):
            for group in self.param_groups:
                self._update_group(group)

    def _update_group(self, group: Mapping[str, Any]) -> None:
        for number, parameter in enumerate(group["params"]):
            if parameter.is_stop_grad():
                continue
            gradient = group["grads"][number]
            gradient = -gradient if group["maximize"] else gradient
            state = {name: group[name][number] for name in self._states_of(group)}
            parameter.update(self._moved(parameter, gradient, state, group))

    def _moved(self, p: Any, g: Any, state: Mapping[str, Any], group: Mapping[str, Any]) -> Any:
        """Return the parameter after a step; update the state."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """Return the state in PyTorch's form, with NumPy arrays: `state` and `param_groups`."""
        state: dict[int, dict[str, Any]] = {}
        groups = []
        for group in self.param_groups:
            first, names = len(state), self._states_of(group)
            for number in range(len(group["params"])):
                own = {name: group[name][number].numpy() for name in names} if self.n_step else {}
                state[first + number] = {"step": self.n_step, **own}
            left_out = {*_NOT_SETTINGS, *names}
            settings = {name: value for name, value in group.items() if name not in left_out}
            groups.append({**settings, "params": list(range(first, len(state)))})
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over settings and state of `state_dict()`, this one's or PyTorch's.

        Raises:
            ValueError: groups or parameters differ in number, or state in shape.
        """
        sizes = [len(group["params"]) for group in self.param_groups]
        if sizes != [len(group["params"]) for group in state["param_groups"]]:
            raise ValueError("loaded state dict has other parameter groups")
        for group, loaded in zip(self.param_groups, state["param_groups"], strict=True):
            for name, value in loaded.items():
                if name in self._defaults:
                    group[name] = value
            for name in self._states_of(group):
                group.setdefault(name, [jt.zeros_like(p).stop_grad() for p in group["params"]])
                for var, index in zip(group[name], loaded["params"], strict=True):
                    array = state["state"].get(index, {}).get(name)
                    if array is not None:
                        _overwrite(var, np.asarray(array))
        steps = {int(own["step"]) for own in state["state"].values() if "step" in own}
        if not steps and any(own for own in state["state"].values()):
            steps = {1}  # PyTorch's SGD keeps no number; its momentum has begun
        if len(steps) > 1:
            raise ValueError(f"parameters have taken different numbers of steps: {sorted(steps)}")
        self.n_step = steps.pop() if steps else 0


def _overwrite(var: Any, array: Any) -> None:
    if array.size != var.numel():
        raise ValueError(f"state of size {array.shape} for a parameter of {tuple(var.shape)}")
    var.update(jt.array64(array.reshape(var.shape).astype(str(var.dtype))).stop_grad())


class SGD(_Optimizer):
    """`torch.optim.SGD`; parameters of any shape, float32 or float64.

    Jittor's own dampens the first step too, where PyTorch takes the gradient as it is, and dampens
    without momentum.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        if momentum < 0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        settings = {"lr": lr, "momentum": momentum, "dampening": dampening}
        settings |= {"weight_decay": weight_decay, "nesterov": nesterov, "maximize": maximize}
        super().__init__(params, settings)

    def _states_of(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] else ()

    def _moved(self, p: Any, g: Any, state: Mapping[str, Any], group: Mapping[str, Any]) -> Any:
        if group["weight_decay"]:
            g = g + p * constant(group["weight_decay"], p)
        if group["momentum"]:
            momentum = constant(group["momentum"], p)
            buffer, new = state["momentum_buffer"], g
            if self.n_step > 1:
                new = buffer * momentum + g * constant(1 - group["dampening"], p)
            buffer.update(new)
            g = g + buffer * momentum if group["nesterov"] else buffer
        return p - g * constant(group["lr"], p)


class _AdaptiveMoments(_Optimizer):
    """Adam and AdamW, which differ in their weight decay."""

    _decoupled = False

    def _configure(self, params: Iterable[Any], settings: dict[str, Any]) -> None:
        for beta in settings["betas"]:
            if not 0 <= beta < 1:
                raise ValueError(f"Invalid beta parameter: {beta}")
        super().__init__(params, settings)

    def _states_of(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        moments = ("exp_avg", "exp_avg_sq")
        return (*moments, "max_exp_avg_sq") if group["amsgrad"] else moments

    def _moved(self, p: Any, g: Any, state: Mapping[str, Any], group: Mapping[str, Any]) -> Any:
        beta1, beta2 = group["betas"]
        if group["weight_decay"] and self._decoupled:
            p = p * constant(1 - group["lr"] * group["weight_decay"], p)
        elif group["weight_decay"]:
            g = g + p * constant(group["weight_decay"], p)
        m, v = state["exp_avg"], state["exp_avg_sq"]
        m.update(m * constant(beta1, p) + g * constant(1 - beta1, p))
        v.update(v * constant(beta2, p) + g * g * constant(1 - beta2, p))
        if group["amsgrad"]:
            largest = state["max_exp_avg_sq"]
            largest.update(jt.maximum(largest, v))
            v = largest
        rate = group["lr"] / (1 - beta1**self.n_step)
        root = math.sqrt(1 - beta2**self.n_step)
        return p - m * constant(rate, p) / (
            jt.sqrt(v) / constant(root, p) + constant(group["eps"], p)
        )


class Adam(_AdaptiveMoments):
    """`torch.optim.Adam`; parameters of any shape, float32 or float64.

    Jittor's own adds epsilon before the bias correction, and counts backward passes as steps.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {"lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay}
        self._configure(params, settings | {"amsgrad": amsgrad, "maximize": maximize})


class AdamW(_AdaptiveMoments):
    """`torch.optim.AdamW`; parameters of any shape, float32 or float64.

    Jittor's own has no weight decay unless told otherwise, and counts backward passes as steps.
    """

    _decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {"lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay}
        self._configure(params, settings | {"amsgrad": amsgrad, "maximize": maximize})
