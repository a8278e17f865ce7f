"""A normalising flow and its port: two outputs, a buffer of indices, and a loss of its own.

A flow returns its latents and the logarithm of the Jacobian's determinant. A wrong determinant
changes no sample, and training still lowers the loss: it fits another density. One loss function
serves both frameworks, because it uses only methods that both kinds of tensor have.
"""

from __future__ import annotations

import math
from typing import Any

import jittor as jt
import numpy as np
import torch
from faults import inject
from seeded import seeded
from torch import nn

from parity import Pair

SIZE = 5
UNCHANGED = 2  # elements that a coupling layer passes on; it transforms the other three
HIDDEN = 8
ORDER = (3, 0, 4, 1, 2)
STEPS = 2


class TorchActNorm(nn.Module):
    """Scales and shifts each element; the determinant is the same for the whole batch."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(SIZE))
        self.shift = nn.Parameter(torch.zeros(SIZE))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (N, SIZE) to the same shape and the log-determinant, a scalar."""
        return (x + self.shift) * self.log_scale.exp(), self.log_scale.sum()


class TorchCoupling(nn.Module):
    """Transforms some elements by an affine map whose coefficients depend on the others."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(UNCHANGED, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 2 * (SIZE - UNCHANGED))
        )

    def coefficients(self, unchanged: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (N, UNCHANGED) to log-scale and shift, each (N, SIZE - UNCHANGED)."""
        raw, shift = self.net(unchanged).chunk(2, 1)
        return 2 * torch.tanh(raw / 2), shift

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (N, SIZE) to the same shape and log-determinants (N,)."""
        unchanged, changed = x[:, :UNCHANGED], x[:, UNCHANGED:]
        log_scale, shift = self.coefficients(unchanged)
        return torch.cat([unchanged, changed * log_scale.exp() + shift], 1), log_scale.sum(1)


class TorchStep(nn.Module):
    """A normalisation, a fixed permutation, a coupling layer."""

    def __init__(self, coupling: Any = TorchCoupling) -> None:
        super().__init__()
        self.norm = TorchActNorm()
        self.register_buffer("order", torch.tensor(ORDER))
        self.coupling = coupling()

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (N, SIZE) to the same shape and log-determinants (N,)."""
        x, norm_log_det = self.norm(x)
        x, coupling_log_det = self.coupling(x[:, self.order])
        return x, norm_log_det + coupling_log_det


class TorchFlow(nn.Module):
    """A chain of steps."""

    def __init__(self, coupling: Any = TorchCoupling) -> None:
        super().__init__()
        self.steps = nn.ModuleList(TorchStep(coupling) for _ in range(STEPS))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (N, SIZE) to latents (N, SIZE) and log-determinants (N,)."""
        log_det = x.new_zeros(len(x))
        for step in self.steps:
            x, step_log_det = step(x)
            log_det = log_det + step_log_det
        return x, log_det


class JittorActNorm(jt.nn.Module):
    """Scales and shifts each element; the determinant is the same for the whole batch."""

    def __init__(self) -> None:
        self.log_scale = jt.zeros(SIZE)
        self.shift = jt.zeros(SIZE)

    def execute(self, x: jt.Var) -> tuple[jt.Var, jt.Var]:
        """Map (N, SIZE) to the same shape and the log-determinant, (1,) for a scalar."""
        return (x + self.shift) * self.log_scale.exp(), self.log_scale.sum()


class JittorCoupling(jt.nn.Module):
    """Transforms some elements by an affine map whose coefficients depend on the others."""

    def __init__(self) -> None:
        self.net = jt.nn.Sequential(
            jt.nn.Linear(UNCHANGED, HIDDEN),
            jt.nn.Tanh(),
            jt.nn.Linear(HIDDEN, 2 * (SIZE - UNCHANGED)),
        )

    def log_det(self, log_scale: jt.Var) -> jt.Var:
        """Map (N, SIZE - UNCHANGED) to log-determinants (N,)."""
        return log_scale.sum(1)

    def execute(self, x: jt.Var) -> tuple[jt.Var, jt.Var]:
        """Map (N, SIZE) to the same shape and log-determinants (N,)."""
        unchanged, changed = x[:, :UNCHANGED], x[:, UNCHANGED:]
        raw, shift = self.net(unchanged).chunk(2, 1)
        log_scale = 2 * jt.tanh(raw / 2)
        changed = changed * log_scale.exp() + shift
        return jt.concat([unchanged, changed], 1), self.log_det(log_scale)


class JittorStep(jt.nn.Module):
    """A normalisation, a fixed permutation, a coupling layer."""

    def __init__(self, coupling: Any = JittorCoupling) -> None:
        self.norm = JittorActNorm()
        self.order = jt.array(ORDER)
        self.coupling = coupling()

    def execute(self, x: jt.Var) -> tuple[jt.Var, jt.Var]:
        """Map (N, SIZE) to the same shape and log-determinants (N,)."""
        x, norm_log_det = self.norm(x)
        x, coupling_log_det = self.coupling(x[:, self.order])
        return x, norm_log_det + coupling_log_det


class JittorFlow(jt.nn.Module):
    """A chain of steps."""

    def __init__(self, coupling: Any = JittorCoupling) -> None:
        self.steps = jt.nn.ModuleList([JittorStep(coupling) for _ in range(STEPS)])

    def execute(self, x: jt.Var) -> tuple[jt.Var, jt.Var]:
        """Map (N, SIZE) to latents (N, SIZE) and log-determinants (N,)."""
        log_det = jt.zeros(x.shape[0], dtype=x.dtype)
        for step in self.steps:
            x, step_log_det = step(x)
            log_det = log_det + step_log_det
        return x, log_det


def inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw seven points."""
    return {"x": rng.standard_normal((7, SIZE), np.float32)}


def negative_log_likelihood(outputs: tuple[Any, Any]) -> Any:
    """Map latents (N, SIZE) and log-determinants (N,) to a scalar, under a normal prior."""
    z, log_det = outputs
    prior = -0.5 * (z * z).sum(1) - 0.5 * SIZE * math.log(2 * math.pi)
    return -(prior + log_det).mean()


def without_constant(outputs: tuple[Any, Any]) -> Any:
    """Omit the constant of the prior: gradients stay the same, the likelihood does not."""
    return negative_log_likelihood(outputs) - 0.5 * SIZE * math.log(2 * math.pi)


pair = Pair(
    name="normalising flow",
    reference=seeded(TorchFlow),
    candidate=JittorFlow,
    inputs=inputs,
    loss=negative_log_likelihood,
)


class OtherSign(JittorCoupling):
    """Returns the determinant of the inverse."""

    def log_det(self, log_scale: jt.Var) -> jt.Var:
        """Map (N, SIZE - UNCHANGED) to log-determinants (N,)."""
        return -log_scale.sum(1)


class MeanActNorm(JittorActNorm):
    """Takes the mean over elements instead of the sum."""

    def execute(self, x: jt.Var) -> tuple[jt.Var, jt.Var]:
        """Map (N, SIZE) to the same shape and a log-determinant, (1,)."""
        y, _ = super().execute(x)
        return y, self.log_scale.mean()


def mean_for_sum() -> JittorFlow:
    """Build the port with a mean instead of a sum in its second step."""
    model = JittorFlow()
    model.steps[1].norm = MeanActNorm()
    return model


class DampedCoupling(TorchCoupling):
    """Registers a hook that scales a gradient to 0.999 of its size."""

    def coefficients(self, unchanged: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (N, UNCHANGED) to log-scale and shift, each (N, SIZE - UNCHANGED)."""
        log_scale, shift = super().coefficients(unchanged)
        log_scale.register_hook(lambda gradient: 0.999 * gradient)
        return log_scale, shift


FAULTS = {
    "sign": inject(
        pair, "other sign", "steps.0.coupling", "forward", candidate=lambda: JittorFlow(OtherSign)
    ),
    "mean": inject(pair, "mean for sum", "steps.1.norm", "forward", candidate=mean_for_sum),
    "loss": inject(
        pair,
        "no constant",
        "",
        "loss",
        loss={"torch": negative_log_likelihood, "jittor": without_constant},
    ),
    # In the backward pass the last step comes first.
    "damped": inject(
        pair,
        "damped gradient",
        "steps.1.coupling",
        "backward",
        candidate=lambda: TorchFlow(DampedCoupling),
    ),
}
