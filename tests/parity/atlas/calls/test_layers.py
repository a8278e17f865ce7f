"""Every layer of torch.nn that a model may hold is built again from its attributes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from parity.atlas.calls.describing import Describer
from parity.atlas.calls.layers import as_layer, is_layer
from parity.atlas.calls.sources import constructor, torch_source
from parity.atlas.entry import evaluate

X4, X3, X2 = torch.randn(2, 4, 6, 6), torch.randn(2, 4, 6), torch.randn(2, 4)
LAYERS: list[tuple[nn.Module, tuple[Any, ...]]] = [
    (nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=2, bias=False), (X4,)),
    (nn.Conv2d(4, 4, 3, padding="same", padding_mode="circular"), (X4,)),
    (nn.ConvTranspose2d(4, 3, 3, 2, 1, output_padding=1, dilation=2), (X4,)),
    (nn.Conv1d(4, 2, 3), (X3,)),
    (nn.BatchNorm2d(4, eps=0.1, momentum=0.3), (X4,)),
    (nn.BatchNorm2d(4, affine=False, track_running_stats=False), (X4,)),
    (nn.GroupNorm(2, 4, affine=False), (X4,)),
    (nn.LayerNorm([6, 6], elementwise_affine=False), (X4,)),
    (nn.InstanceNorm2d(4, affine=True), (X4,)),
    (nn.Linear(4, 3, bias=False), (X2,)),
    (nn.Bilinear(4, 4, 2), (X2, X2)),
    (nn.Embedding(5, 3, padding_idx=1), (torch.tensor([1, 4]),)),
    (nn.LSTM(6, 3, num_layers=2, batch_first=True, bidirectional=True), (X3,)),
    (nn.GRU(6, 3, bias=False), (X3,)),
    (nn.RNN(6, 3, nonlinearity="relu"), (X3,)),
    (nn.LSTMCell(4, 3), (X2,)),
    (nn.MultiheadAttention(6, 2, bias=False, batch_first=True), (X3, X3, X3)),
    (nn.MaxPool2d(3, 2, padding=1, ceil_mode=True), (X4,)),
    (nn.AvgPool2d(2, count_include_pad=False), (X4,)),
    (nn.AdaptiveAvgPool2d((2, 3)), (X4,)),
    (nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), (X4,)),
    (nn.PReLU(4), (X4,)),
    (nn.LeakyReLU(0.3, inplace=True), (X4,)),
    (nn.Softmax(dim=1), (X2,)),
    (nn.GELU(approximate="tanh"), (X2,)),
    (nn.Hardtanh(-2, 0.5), (X2,)),
    (nn.PixelShuffle(2), (X4,)),
    (nn.ZeroPad2d((1, 0, 2, 0)), (X4,)),
    (nn.Flatten(2), (X4,)),
    (nn.CosineSimilarity(dim=1), (X2, X2)),
    (nn.CrossEntropyLoss(label_smoothing=0.1), (X2, torch.tensor([0, 3]))),
]


@pytest.mark.parametrize(("module", "args"), LAYERS, ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("training", [True, False])
def test_a_layer_built_again_computes_the_same(
    module: nn.Module, args: tuple[Any, ...], training: bool
) -> None:
    module.train(training)
    assert is_layer(module)
    described = Describer({}).layer(module, args, {})
    source = torch_source(described.use)
    tensors = {name: tensor.detach().clone() for name, tensor in described.tensors.items()}
    again = evaluate(source, {"torch": torch, **tensors})
    if training and described.use.layer is not None and described.use.layer.buffers:
        again = again[0]
    expected = module(*(arg.clone() for arg in args))
    for a, b in zip(_tensors(again), _tensors(expected), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    return [t for item in value or () for t in _tensors(item)]


@pytest.mark.parametrize("change", [nn.utils.weight_norm, nn.utils.spectral_norm])
def test_a_layer_whose_weight_is_made_of_others_says_so(change: Any) -> None:
    use = Describer({}).layer(change(nn.Linear(4, 3)), (X2,), {}).use
    assert use.unbuilt.startswith("weight_norm or spectral_norm makes its weight")


def test_only_what_differs_from_the_defaults_is_written() -> None:
    use = Describer({}).layer(nn.Conv2d(4, 8, 3, bias=False), (X4,), {}).use
    written = constructor(use)
    assert written.startswith("4, 8, (3, 3)")
    assert "bias=False" in written
    assert "groups" not in written


def test_a_layer_that_does_not_keep_its_arguments_says_so() -> None:
    module = nn.TransformerEncoderLayer(4, 2)
    assert as_layer(module, {}) == "its argument d_model is not kept by the layer"


@pytest.mark.parametrize(
    "module",
    [nn.Sequential(), nn.ModuleList(), weight_norm(nn.Linear(2, 2))],
)
def test_containers_and_subclasses_are_no_layers(module: nn.Module) -> None:
    assert not is_layer(module)
