"""Every kind of layer and signature, PyTorch against PyTorch: agreement, and a fault in place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from parity import Pair, Verdict, check

Edit = Callable[[nn.Module], object]


class Around(nn.Module):
    """Something before a layer and something after it, so that the layer is not the whole model."""

    def __init__(self, layer: nn.Module, *more: Any) -> None:
        super().__init__()
        self.layer, self.more = layer, more

    def forward(self, x: torch.Tensor) -> Any:
        return self.layer(torch.sin(x), *self.more)


def scaled(module: nn.Module) -> None:
    """Make the first parameter be used a thousandth too large, with the weights carried over."""
    name, _ = next(module.named_parameters())
    owner, _, leaf = name.rpartition(".")
    inner = module.get_submodule(owner)
    forward = inner.forward

    def wrong(*args: Any, **kwargs: Any) -> Any:
        parameter = getattr(inner, leaf)
        before = parameter.data
        parameter.data = before * 1.001
        try:
            return forward(*args, **kwargs)
        finally:
            parameter.data = before

    object.__setattr__(inner, "forward", wrong)


def attribute(name: str, value: object) -> Edit:
    return lambda module: setattr(module, name, value)


def shape(*sizes: int) -> Callable[[np.random.Generator], np.ndarray]:
    return lambda rng: rng.standard_normal(sizes, np.float32)


# A layer, what it is given, and a fault; the fault must be found in the layer.
LAYERS: dict[str, tuple[Callable[[], nn.Module], Any, Edit]] = {
    "Conv1d": (lambda: nn.Conv1d(3, 4, 3, dilation=2), shape(2, 3, 9), attribute("dilation", (1,))),
    "Conv2d, groups": (lambda: nn.Conv2d(4, 4, 3, groups=2), shape(2, 4, 6, 5), scaled),
    "Conv3d": (lambda: nn.Conv3d(2, 3, 2, stride=2), shape(2, 2, 4, 5, 4), scaled),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(3, 4, 3, stride=2), shape(2, 3, 5), scaled),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(3, 4, 3, stride=2), shape(2, 3, 4, 5), scaled),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(2, 3, 2), shape(2, 2, 3, 3, 3), scaled),
    "Linear": (lambda: nn.Linear(5, 5), shape(3, 5), scaled),
    "PReLU": (lambda: nn.PReLU(3), shape(2, 3, 4), scaled),
    "LayerNorm": (lambda: nn.LayerNorm((4, 5)), shape(3, 4, 5), attribute("eps", 1e-4)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), shape(3, 4, 5), attribute("num_groups", 4)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4), shape(6, 4, 5), attribute("momentum", 0.2)),
    "BatchNorm3d": (lambda: nn.BatchNorm3d(2), shape(3, 2, 3, 3, 3), attribute("eps", 1e-3)),
    "InstanceNorm2d": (
        lambda: nn.InstanceNorm2d(3, affine=True, track_running_stats=True),
        shape(3, 3, 5, 5),
        attribute("momentum", 0.3),
    ),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(2), shape(3, 4, 5), attribute("beta", 0.7)),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), shape(2, 3, 5, 5), attribute("ceil_mode", True)),
    "AvgPool2d": (
        lambda: nn.AvgPool2d(3, 1, 1),
        shape(2, 3, 5, 5),
        attribute("count_include_pad", False),
    ),
    "AdaptiveAvgPool1d": (
        lambda: nn.AdaptiveAvgPool1d(3),
        shape(2, 3, 8),
        attribute("output_size", 4),
    ),
    "Upsample": (
        lambda: nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
        shape(2, 3, 4, 4),
        attribute("align_corners", True),
    ),
    "RNN": (lambda: nn.RNN(4, 5, batch_first=True), shape(2, 6, 4), attribute("mode", "RNN_RELU")),
    "LSTM": (lambda: nn.LSTM(4, 5, 2, bidirectional=True), shape(6, 2, 4), scaled),
    "GRU": (lambda: nn.GRU(4, 5), shape(6, 2, 4), scaled),
    "TransformerEncoderLayer": (
        lambda: nn.TransformerEncoderLayer(8, 2, 12, batch_first=True),
        shape(2, 5, 8),
        lambda module: setattr(module, "norm1", nn.LayerNorm(8, eps=1e-4)),
    ),
    "PixelShuffle": (
        lambda: nn.PixelShuffle(2),
        shape(2, 4, 3, 3),
        lambda module: setattr(module, "forward", lambda input: input.reshape(2, 1, 6, 6)),
    ),
}


def built(make: Callable[[], nn.Module], edit: Edit | None = None) -> nn.Module:
    torch.manual_seed(0)
    layer = make()
    if edit is not None:
        edit(layer)
    return layer if isinstance(layer, Around) else Around(layer)


def pair(name: str, edit: Edit | None) -> Pair:
    make, draw, _ = LAYERS[name]
    return Pair(
        name=name, reference=lambda: built(make), candidate=lambda: built(make, edit),
        inputs=lambda rng: {"x": draw(rng)}, training=True,
        stress_inputs=("plain",),
    )  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_agrees_with_itself_and_a_fault_is_found_in_it(name: str) -> None:
    report = check(pair(name, None))
    assert report.verdict is Verdict.IDENTICAL, str(report)
    first = check(pair(name, LAYERS[name][2])).first_divergence
    assert first is not None
    assert first.path.split(".")[0] == "layer", str(first)
    assert first.verdict in (Verdict.SEMANTIC_DIFFERENCE, Verdict.ERROR)


class Everything(nn.Module):
    """Integers and booleans in, tied weights, a module called twice, bare tensors, nested out."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.fault = fault
        self.embed = nn.Embedding(7, 4)
        self.mix = nn.Linear(4, 4)
        self.decode = nn.Linear(4, 7, bias=False)
        self.decode.weight = self.embed.weight
        self.scale = nn.Parameter(torch.full((4,), 1.5))
        self.register_buffer("shift", torch.linspace(0, 1, 4))

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor, bag: dict[str, Any]) -> Any:
        h = self.embed(tokens) * self.scale + self.shift
        h = torch.where(mask[..., None], h, bag["fill"])
        first = self.mix(h)
        second = self.mix(torch.tanh(first) if self.fault != "second call" else first)
        if self.fault == "tie":
            scores = second @ self.embed.weight.detach().T
        else:
            scores = self.decode(second)
        found = {"scores": scores, "states": (first, [second])}
        return found, scores.argmax(-1) + (1 if self.fault == "integers" else 0)


class Bagged(nn.Module):
    """Builds the dictionary that the model takes from an input by keyword."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.model = Everything(fault)

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor, fill: torch.Tensor) -> Any:
        return self.model(tokens, mask, {"fill": fill})


def everything(fault: str = "") -> Pair:
    def inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {
            "tokens": rng.integers(0, 7, (2, 5)),
            "mask": rng.random((2, 5)) < 0.7,
            "fill": rng.standard_normal(4, np.float32),
        }

    def reference() -> nn.Module:
        torch.manual_seed(0)
        return Bagged()

    return Pair(
        name="everything", reference=reference, candidate=lambda: Bagged(fault), inputs=inputs
    )  # fmt: skip


def test_every_kind_of_input_and_output_is_judged() -> None:
    report = check(everything())
    assert report.passed, str(report)
    tensors = {(f.path, f.tensor) for f in report.findings}
    assert ("model", "output 0.states.1.0") in tensors
    assert ("model", "output 1") in tensors
    assert ("model.mix", "output (call 2)") in tensors
    assert ("model", "gradient of input bag.fill") in tensors
    assert ("model", "gradient of scale") in tensors
    assert ("model.embed", "gradient of weight") in tensors


@pytest.mark.parametrize(
    ("fault", "path", "tensor"),
    [
        ("second call", "model", "input (call 2) of model.mix"),
        ("tie", "model.embed", "gradient of weight"),
        ("integers", "model", "output 1"),
    ],
)
def test_a_fault_is_found_in_every_kind(fault: str, path: str, tensor: str) -> None:
    report = check(everything(fault))
    failing = [(f.path, f.tensor) for f in report.findings if not f.passes()]
    assert (path, tensor) in failing, str(report)


@pytest.mark.parametrize("mask", ["none", "causal", "boolean", "additive"])
def test_dropout_inside_fused_attention_has_the_masks_of_dropout_spelled_out(mask: str) -> None:
    full = torch.ones(5, 5).tril().bool()
    masks = {"boolean": full, "additive": torch.zeros(5, 5).masked_fill(~full, -9.0)}

    class Fused(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            given = masks[mask].to(x) if mask == "additive" else masks.get(mask)
            rate = 0.3 if self.training else 0.0
            return F.scaled_dot_product_attention(
                x, x, x, attn_mask=given, dropout_p=rate, is_causal=mask == "causal"
            )

    class Spelled(nn.Module):
        def __init__(self, rate: float = 0.3) -> None:
            super().__init__()
            self.dropout = nn.Dropout(rate)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            scores = x @ x.transpose(-2, -1) / 2
            if mask in ("causal", "boolean"):
                scores = scores.masked_fill(~full, -torch.inf)
            elif mask == "additive":
                scores = scores + masks["additive"].to(x)
            return self.dropout(scores.softmax(-1)) @ x

    attention = Pair(
        name="attention", reference=Fused, candidate=Spelled, training=True,
        stress_inputs=("plain",),
        inputs=lambda rng: {"x": rng.standard_normal((2, 3, 5, 4), np.float32)},
    )  # fmt: skip
    for training in (True, False):
        report = check(dataclasses.replace(attention, training=training))
        assert report.passed, str(report)
    assert not check(dataclasses.replace(attention, candidate=lambda: Spelled(0.2))).passed


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler looks into tensors that are no leaves
def test_a_compiled_model_is_compared_as_a_whole() -> None:
    def reference() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(5, 8), nn.GELU(), nn.LayerNorm(8))

    def candidate(last: nn.Module) -> Any:
        model = nn.Sequential(nn.Linear(5, 8), nn.GELU(), last)
        return torch.compile(model)

    good = Pair(
        name="compiled", reference=reference, candidate=lambda: candidate(nn.LayerNorm(8)),
        inputs=lambda rng: {"input": rng.standard_normal((3, 5), np.float32)},
    )  # fmt: skip
    assert check(good).passed
    bad = Pair(**{**vars(good), "candidate": lambda: candidate(nn.LayerNorm(8, eps=1e-3))})
    assert check(bad).verdict is Verdict.SEMANTIC_DIFFERENCE
