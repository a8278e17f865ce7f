"""A normalising flow and its port: two outputs that matter, a buffer of indices, a loss of its own.

A flow returns its latent and the logarithm of the Jacobian's determinant. A wrong determinant
leaves every sample as it was, and training still lowers the loss: it only fits another density. The
loss is given once for both frameworks, for it uses nothing but methods that both tensors have.
"""

from __future__ import annotations

import math
from typing import Any

import jittor as jt
import numpy as np
import torch
from planted import plant, seeded
from torch import nn

from parity import Pair

SIZE = 5
KEPT = 2  # elements that a coupling layer leaves alone; it moves the other three
HIDDEN = 8
ORDER = (3, 0, 4, 1, 2)
STEPS = 2


class TorchActNorm(nn.Module):
    """Scales and shifts each element; one determinant for all of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(SIZE))
        self.shift = nn.Parameter(torch.zeros(SIZE))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (N, SIZE) to the same shape and the log-determinant, a scalar."""
        return (x + self.shift) * self.log_scale.exp(), self.log_scale.sum()


class TorchCoupling(nn.Module):
    """Moves some elements by an affine map whose coefficients come from the others."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(KEPT, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 2 * (SIZE - KEPT))
        )

    def coefficients(self, kept: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (N, KEPT) to log-scale and shift, each (N, SIZE - KEPT)."""
        raw, shift = self.net(kept).chunk(2, 1)
        return 2 * torch.tanh(raw / 2), shift

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (N, SIZE) to the same shape and log-determinants (N,)."""
        kept, moved = x[:, :KEPT], x[:, KEPT:]
        log_scale, shift = self.coefficients(kept)
        return torch.cat([kept, moved * log_scale.exp() + shift], 1), log_scale.sum(1)


class TorchStep(nn.Module):
    """A normalisation, a fixed permutation, a coupling layer."""

    def __init__(self, coupling: Any = TorchCoupling) -> None:
        super().__init__()
        self.norm = TorchActNorm()
        self.register_buffer("order", torch.tensor(ORDER))
        self.coupling = coupling()

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (N, SIZE) to the same shape and log-determinants (N,)."""
        x, of_norm = self.norm(x)
        x, of_coupling = self.coupling(x[:, self.order])
        return x, of_norm + of_coupling


class TorchFlow(nn.Module):
    """Steps, one after the other."""

    def __init__(self, coupling: Any = TorchCoupling) -> None:
        super().__init__()
        self.steps = nn.ModuleList(TorchStep(coupling) for _ in range(STEPS))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (N, SIZE) to latents (N, SIZE) and log-determinants (N,)."""
        log_det = x.new_zeros(len(x))
        for step in self.steps:
            x, of_step = step(x)
            log_det = log_det + of_step
        return x, log_det


class JittorActNorm(jt.nn.Module):
    """Scales and shifts each element; one determinant for all of a batch."""

    def __init__(self) -> None:
        self.log_scale = jt.zeros(SIZE)
        self.shift = jt.zeros(SIZE)

    def execute(self, x: jt.Var) -> tuple[jt.Var, jt.Var]:
        """Map (N, SIZE) to the same shape and the log-determinant, (1,): Jittor has no scalars."""
        return (x + self.shift) * self.log_scale.exp(), self.log_scale.sum()


class JittorCoupling(jt.nn.Module):
    """Moves some elements by an affine map whose coefficients come from the others."""

    def __init__(self) -> None:
        self.net = jt.nn.Sequential(
            jt.nn.Linear(KEPT, HIDDEN), jt.nn.Tanh(), jt.nn.Linear(HIDDEN, 2 * (SIZE - KEPT))
        )

    def log_det(self, log_scale: jt.Var) -> jt.Var:
        """Map (N, SIZE - KEPT) to log-determinants (N,)."""
        return log_scale.sum(1)

    def execute(self, x: jt.Var) -> tuple[jt.Var, jt.Var]:
        """Map (N, SIZE) to the same shape and log-determinants (N,)."""
        kept, moved = x[:, :KEPT], x[:, KEPT:]
        raw, shift = self.net(kept).chunk(2, 1)
        log_scale = 2 * jt.tanh(raw / 2)
        moved = moved * log_scale.exp() + shift
        return jt.concat([kept, moved], 1), self.log_det(log_scale)


class JittorStep(jt.nn.Module):
    """A normalisation, a fixed permutation, a coupling layer."""

    def __init__(self, coupling: Any = JittorCoupling) -> None:
        self.norm = JittorActNorm()
        self.order = jt.array(ORDER)
        self.coupling = coupling()

    def execute(self, x: jt.Var) -> tuple[jt.Var, jt.Var]:
        """Map (N, SIZE) to the same shape and log-determinants (N,)."""
        x, of_norm = self.norm(x)
        x, of_coupling = self.coupling(x[:, self.order])
        return x, of_norm + of_coupling


class JittorFlow(jt.nn.Module):
    """Steps, one after the other."""

    def __init__(self, coupling: Any = JittorCoupling) -> None:
        self.steps = jt.nn.ModuleList([JittorStep(coupling) for _ in range(STEPS)])

    def execute(self, x: jt.Var) -> tuple[jt.Var, jt.Var]:
        """Map (N, SIZE) to latents (N, SIZE) and log-determinants (N,)."""
        log_det = jt.zeros(x.shape[0], dtype=x.dtype)
        for step in self.steps:
            x, of_step = step(x)
            log_det = log_det + of_step
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
    """Leave the prior's constant out, which no gradient shows; two likelihoods do not compare."""
    return negative_log_likelihood(outputs) - 0.5 * SIZE * math.log(2 * math.pi)


pair = Pair(
    name="normalising flow",
    reference=seeded(TorchFlow),
    candidate=JittorFlow,
    inputs=inputs,
    loss=negative_log_likelihood,
)


class OtherSign(JittorCoupling):
    """Gives the determinant of the inverse."""

    def log_det(self, log_scale: jt.Var) -> jt.Var:
        """Map (N, SIZE - KEPT) to log-determinants (N,)."""
        return -log_scale.sum(1)


class MeanActNorm(JittorActNorm):
    """Takes the mean over elements where the sum belongs."""

    def execute(self, x: jt.Var) -> tuple[jt.Var, jt.Var]:
        """Map (N, SIZE) to the same shape and a log-determinant, (1,)."""
        y, _ = super().execute(x)
        return y, self.log_scale.mean()


def mean_for_sum() -> JittorFlow:
    """Build the port with a mean for a sum in its second step."""
    model = JittorFlow()
    model.steps[1].norm = MeanActNorm()
    return model


class DampedCoupling(TorchCoupling):
    """Leaves a hook behind that takes a thousandth off a gradient."""

    def coefficients(self, kept: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (N, KEPT) to log-scale and shift, each (N, SIZE - KEPT)."""
        log_scale, shift = super().coefficients(kept)
        log_scale.register_hook(lambda gradient: 0.999 * gradient)
        return log_scale, shift


FAULTS = {
    "sign": plant(
        pair, "other sign", "steps.0.coupling", "forward", candidate=lambda: JittorFlow(OtherSign)
    ),
    "mean": plant(pair, "mean for sum", "steps.1.norm", "forward", candidate=mean_for_sum),
    "loss": plant(
        pair,
        "no constant",
        "",
        "loss",
        loss={"torch": negative_log_likelihood, "jittor": without_constant},
    ),
    # Backwards, the last step comes first.
    "damped": plant(
        pair,
        "damped gradient",
        "steps.1.coupling",
        "backward",
        candidate=lambda: TorchFlow(DampedCoupling),
    ),
}
