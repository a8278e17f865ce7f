"""Losses have PyTorch's values and gradients, where Jittor's own do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from jittor_env.compat.functional import losses
from tests.jittor_env.compat.comparison import agrees, compared, error, jt, precision

RNG = np.random.default_rng(0)
SHAPES = {"vector": (5,), "rows": (6, 5), "sequences": (3, 5, 4), "images": (2, 5, 3, 4)}
WEIGHT = RNG.random(5) + 0.5
OPTIONS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "smoothed": {"label_smoothing": 0.2},
    "sum": {"reduction": "sum", "ignore_index": 2},
    "none, smoothed": {"reduction": "none", "label_smoothing": 0.1, "ignore_index": 2},
}


def targets(shape: tuple[int, ...]) -> Any:
    found = RNG.integers(0, 5, (shape[0], *shape[2:]) if len(shape) > 1 else ())
    if found.ndim:
        found.flat[0] = -100
    return found


def of_module(module: Any, name: str, weighted: bool, options: dict[str, Any]) -> Any:
    def loss(x: Any, target: Any, weight: Any) -> Any:
        function = getattr(module, name)
        if name == "nll_loss":
            x = x * -1
        return function(x, target, weight if weighted else None, **options)

    return loss


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_cross_entropy_of_classes_is_pytorchs(shape: str, options: str, weighted: bool) -> None:
    given = OPTIONS[options]
    x, target = RNG.standard_normal(SHAPES[shape]), targets(SHAPES[shape])
    if "ignore_index" in given:
        target = np.where(target == -100, 2, target)

    def pair(name: str) -> list[Any]:
        return [of_module(m, name, weighted, given) for m in (F, losses)]

    # The weight is a constant in PyTorch.
    fixed = [lambda x, t, w, f=f: f(x, t, w.detach()) for f in pair("cross_entropy")]
    for dtype in ("float64", "float32"):
        assert error(*fixed, x, target, WEIGHT, dtype=dtype) < 32


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_nll_loss_is_pytorchs(reduction: str) -> None:
    x, target = RNG.standard_normal(SHAPES["images"]), targets(SHAPES["images"])
    pair = [lambda x, t, m=m: m.nll_loss(x, t, reduction=reduction) for m in (F, losses)]
    assert error(*pair, x, target) < 8


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", ["vector", "images"])
def test_cross_entropy_of_probabilities_is_pytorchs(shape: str, reduction: str) -> None:
    x, target = RNG.standard_normal((2, *SHAPES[shape]))
    options = {"reduction": reduction, "label_smoothing": 0.3}
    pair = [lambda x, t, w, m=m: m.cross_entropy(x, t, w.detach(), **options) for m in (F, losses)]
    assert error(*pair, x, target, WEIGHT) < 32


def test_jittors_own_losses_differ() -> None:
    x, target = RNG.standard_normal(SHAPES["rows"]), np.array([1, 2, -100, 0, 4, 3])
    x[0, 0] = -np.inf
    assert error(F.cross_entropy, losses.cross_entropy, x, target) < 32
    assert error(F.cross_entropy, jt.nn.cross_entropy_loss, x, target) == np.inf
    finite, target = RNG.standard_normal(SHAPES["rows"]), np.array([1, 2, 0, 0, 4, 3])
    pair = [lambda x, t, m=m: m.nll_loss(x, t, ignore_index=0) for m in (F, losses, jt.nn)]
    assert error(*pair[:2], finite, target) < 32
    assert error(pair[0], pair[2], finite, target) > 1e6


def test_all_ignored_is_nan_as_in_pytorch() -> None:
    x, target = RNG.standard_normal((2, 5)), np.array([-100, -100])
    for f in (F.cross_entropy, losses.cross_entropy):
        tensor = torch.from_numpy(x) if f is F.cross_entropy else jt.array(x)
        of = torch.from_numpy(target) if f is F.cross_entropy else jt.array(target)
        assert np.isnan(f(tensor, of).numpy()).all()


@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize("log_target", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "batchmean", "sum", "none"])
def test_kl_div_is_pytorchs(reduction: str, log_target: bool) -> None:
    target = RNG.random((3, 5))
    target[0, 0] = 0
    x = RNG.standard_normal((3, 5))
    options = {"reduction": reduction, "log_target": log_target}
    pair = [lambda x, t, m=m: m.kl_div(x, t.detach(), **options) for m in (F, losses)]
    assert error(*pair, x, target) < 32


def test_kl_div_of_jittors_own_is_nan_for_a_target_of_zero() -> None:
    own = jt.nn.KLDivLoss(reduction="sum")(jt.zeros((1, 2)), jt.array([[0.0, 1.0]]))
    assert np.isnan(own.numpy()).all()
    assert losses.kl_div(jt.zeros((1, 2)), jt.array([[0.0, 1.0]])).numpy() == 0


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("zero_infinity", [False, True])
def test_ctc_loss_is_pytorchs(reduction: str, zero_infinity: bool) -> None:
    x = RNG.standard_normal((6, 3, 5))
    # The last target does not fit into its input.
    labels, lengths, sizes = RNG.integers(1, 5, (3, 4)), np.array([6, 5, 2]), np.array([4, 2, 3])
    if reduction != "none" and not zero_infinity:
        lengths[2] = 6
    options = {"reduction": reduction, "zero_infinity": zero_infinity}
    integers = [a.astype(np.int32) for a in (labels, lengths, sizes)]

    def of_torch(x: Any, *rest: Any) -> Any:
        return F.ctc_loss(F.log_softmax(x, 2), *rest, **options)

    def of_jittor(function: Any) -> Any:
        return lambda x, *rest: function(jt.nn.log_softmax(x, 2), *rest, **options)

    if reduction == "none" and not zero_infinity:  # whose gradient is NaN in PyTorch
        x = x[:, :2]
        integers = [a[:2] for a in integers]
    assert error(of_torch, of_jittor(losses.ctc_loss), x, *integers, dtype="float32") < 64
    if reduction == "mean":
        own = error(of_torch, of_jittor(jt.ctc_loss), x, *integers, dtype="float32")
        assert own > 1e4


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss"])
def test_layers_agree_in_the_harness(name: str) -> None:
    options: dict[str, Any] = {"CrossEntropyLoss": {"label_smoothing": 0.1}}.get(name, {})
    report = compared(
        lambda: getattr(nn, name)(reduction="sum", **options),
        lambda: getattr(losses, name)(reduction="sum", **options),
        lambda rng: (rng.standard_normal((4, 5)).astype(np.float32), np.array([1, -100, 0, 4])),
    )
    assert agrees(report), str(report)


def test_the_layer_of_divergences_has_its_options() -> None:
    x, target = RNG.standard_normal((2, 3, 5)).astype(np.float32)
    layer = losses.KLDivLoss("batchmean", log_target=True)
    expected = F.kl_div(*map(torch.from_numpy, (x, target)), reduction="batchmean", log_target=True)
    np.testing.assert_allclose(layer(jt.array(x), jt.array(target)).numpy(), expected, rtol=1e-5)


def test_what_pytorch_refuses_is_refused() -> None:
    x, target = jt.ones((2, 3)), jt.array(np.array([0, 1]))
    with pytest.raises(IndexError, match="target 3 is out of bounds"):
        losses.cross_entropy(x, target + 2)
    with pytest.raises(ValueError, match="expected target size"):
        losses.cross_entropy(x, target[:1])
    with pytest.raises(ValueError, match="not a valid value"):
        losses.nll_loss(x, target, reduction="average")
    with pytest.raises(RuntimeError, match="integer targets"):
        losses.nll_loss(x, jt.ones(2))
    with pytest.raises(RuntimeError, match="label_smoothing"):
        losses.cross_entropy(x, target, label_smoothing=2.0)
    with precision("float64"), pytest.raises(RuntimeError, match="one dtype"):
        losses.cross_entropy(x, target, jt.ones(3, "float64"))
