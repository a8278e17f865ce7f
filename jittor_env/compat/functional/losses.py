"""Losses with PyTorch's arguments and rules."""

from __future__ import annotations

from typing import Any

import jittor as jt

from jittor_env.compat.functional.extrema import clamp
from jittor_env.compat.functional.normalizing import log_softmax
from jittor_env.compat.numerics import constant, require_float, require_same_dtype

_REDUCTIONS = ("none", "mean", "sum")


def _require_reduction(reduction: str, allowed: tuple[str, ...] = _REDUCTIONS) -> None:
    if reduction not in allowed:
        raise ValueError(f"{reduction!r} is not a valid value for reduction: {', '.join(allowed)}")


def _class_dim(x: Any) -> int:
    return 0 if x.ndim == 1 else 1


def _checked(x: Any, target: Any, ignore_index: int) -> tuple[Any, Any]:
    """Return whether each target counts, and the targets with 0 for those that do not.

    Raises:
        RuntimeError, ValueError: the target is no integer, or of another shape.
        IndexError: a target is out of bounds; on a GPU nothing is checked.
    """
    dim = _class_dim(x)
    expected = tuple(size for d, size in enumerate(x.shape) if d != dim) or (1,)
    if target.dtype.is_float():
        raise RuntimeError(f"expected integer targets, but got {target.dtype}")
    if tuple(target.shape) != expected:
        raise ValueError(f"expected target size {list(expected)}, got {list(target.shape)}")
    if not jt.flags.use_cuda:
        values = target.numpy()
        wrong = values[(values != ignore_index) & ((values < 0) | (values >= x.shape[dim]))]
        if wrong.size:
            raise IndexError(f"target {wrong.flat[0]} is out of bounds of {x.shape[dim]} classes")
    counts = target != ignore_index
    return counts, jt.ternary(counts, target, jt.zeros_like(target))


def _of_target(x: Any, target: Any) -> Any:
    """Return the numbers of x, (C,) or (N, C, *), at the targets, (1,) or (N, *)."""
    if x.ndim == 1:
        return x[target]
    places = [f"i{d}" for d in range(x.ndim)]
    places[1] = f"@e0({', '.join(places[:1] + places[2:])})"
    return x.reindex([x.shape[0], 1, *x.shape[2:]], places, extras=[target]).squeeze(1)


def _weights(x: Any, weight: Any) -> Any:
    """Return the classes' weights in a shape that broadcasts with x."""
    shape = [1] * x.ndim
    shape[_class_dim(x)] = -1
    return weight.reshape(shape)


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """`torch.nn.functional.nll_loss`.

    Jittor's own takes no images, and indexes with a target that is to be ignored.

    Args:
        input: log-probabilities, (C,), (N, C) or (N, C, *), floating.
        target: integers, (1,), (N,) or (N, *).
        weight: of the classes, (C,), of the input's dtype; None for ones.
        ignore_index: target that does not count.
        reduction: "mean", which is weighted, "sum" or "none".

    Raises:
        RuntimeError: dtypes differ, or the target is no integer.
        ValueError: the target has another shape, or the reduction another name.
        IndexError: a target is out of bounds; on a GPU nothing is checked.
    """
    require_float("nll_loss", input)
    return _class_loss(input, target, weight, ignore_index, reduction, 0.0)


def _class_loss(
    input: Any, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Any:
    """Return `nll_loss`, with a share `smoothing` of the uniform distribution in the target."""
    _require_reduction(reduction)
    require_same_dtype("nll_loss", input, weight)
    dim = _class_dim(input)
    counts, target = _checked(input, target, ignore_index)
    loss = -_of_target(input, target)
    shares = counts.cast(input.dtype)
    if weight is not None:
        shares = shares * weight[target]
        loss = loss * weight[target]
    if smoothing:
        weighted = input if weight is None else input * _weights(input, weight)
        uniform = -weighted.sum(dim) * constant(smoothing / input.shape[dim], input)
        loss = loss * constant(1 - smoothing, input) + uniform
    loss = jt.ternary(counts, loss, jt.zeros_like(loss))
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    return loss.sum() / shares.sum()


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """`torch.nn.functional.cross_entropy` of classes or of probabilities.

    Jittor's own has no label smoothing, ignores nothing unless told to, gives NaN for a logit of
    -inf, and reads outside of the weights for a negative target.

    Args:
        input: logits, (C,), (N, C) or (N, C, *), floating.
        target: integers as in `nll_loss`, or probabilities in the shape and dtype of the input.
        weight: of the classes, (C,), of the input's dtype; None for ones.
        ignore_index: target that does not count; not for probabilities.
        reduction: "mean", which is weighted for classes, "sum" or "none".
        label_smoothing: share of the uniform distribution in the target, in [0, 1].

    Raises:
        RuntimeError, ValueError, IndexError: as `nll_loss`.
    """
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    dim = _class_dim(input)
    logarithms = log_softmax(input, dim)
    if not target.dtype.is_float():
        return _class_loss(logarithms, target, weight, ignore_index, reduction, label_smoothing)
    _require_reduction(reduction)
    require_same_dtype("cross_entropy", input, target, weight)
    if tuple(target.shape) != tuple(input.shape):
        raise ValueError(f"expected target size {list(input.shape)}, got {list(target.shape)}")
    count = input.shape[dim]
    if label_smoothing:
        rest = constant(1 - label_smoothing, input)
        target = target * rest + constant(label_smoothing / count, input)
    products = logarithms * target
    loss = -(products if weight is None else products * _weights(input, weight)).sum(dim)
    if reduction == "none":
        return loss
    return loss.sum() if reduction == "sum" else loss.sum() / constant(loss.numel(), input)


def kl_div(input: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """`torch.nn.functional.kl_div`; a target of 0 adds 0, where Jittor's own is NaN.

    Args:
        input: log-probabilities of any shape, floating.
        target: probabilities, or with `log_target` their logarithms, of that shape and dtype.
        reduction: "mean" over everything, "batchmean", "sum" or "none".
        log_target: what the target is.

    Raises:
        RuntimeError: dtypes differ or are integers.
        ValueError: the reduction has another name.
    """
    _require_reduction(reduction, (*_REDUCTIONS, "batchmean"))
    require_float("kl_div", input)
    require_same_dtype("kl_div", input, target)
    if log_target:
        loss = jt.exp(target) * (target - input)
    else:
        safe = jt.ternary(target == 0, jt.ones_like(target), target)
        loss = target * jt.log(safe) - target * input
    if reduction == "none":
        return loss
    counts = {"sum": 1, "mean": loss.numel(), "batchmean": loss.shape[0]}
    return loss.sum() / constant(counts[reduction], input)


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """`torch.nn.functional.ctc_loss`; the mean is of losses divided by their targets' lengths.

    Jittor's own mean does not divide, and its infinite losses are 1e30 with `zero_infinity` too.

    Args:
        log_probs: (T, N, C), float32.
        targets: integers (N, S).
        input_lengths: integers (N,).
        target_lengths: integers (N,).
        blank: class of the blank.
        reduction: "mean", "sum" or "none".
        zero_infinity: whether targets that do not fit have a loss of 0.

    Raises:
        ValueError: the reduction has another name.
    """
    _require_reduction(reduction)
    losses = jt.ctc_loss(
        log_probs, targets, input_lengths, target_lengths, blank, "none", zero_infinity
    )
    is_infinite = losses > 1e28  # Jittor's infinity
    if zero_infinity:
        losses = jt.ternary(is_infinite, jt.zeros_like(losses), losses)
    else:
        losses = jt.ternary(is_infinite, jt.full_like(losses, float("inf")), losses)
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    lengths = clamp(target_lengths, min=1).cast(losses.dtype)
    return (losses / lengths).sum() / losses.numel()


class CrossEntropyLoss(jt.nn.Module):
    """`torch.nn.CrossEntropyLoss`; see `cross_entropy`. Jittor's own has no `reduction`."""

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        _require_reduction(reduction)
        self.weight = None if weight is None else weight.detach().stop_grad()
        self.ignore_index, self.reduction = ignore_index, reduction
        self.label_smoothing = label_smoothing

    def execute(self, input: Any, target: Any) -> Any:
        """Return the loss of logits (N, C, *)."""
        return cross_entropy(
            input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )


class NLLLoss(jt.nn.Module):
    """`torch.nn.NLLLoss`; see `nll_loss`. Jittor has the function only."""

    def __init__(
        self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        _require_reduction(reduction)
        self.weight = None if weight is None else weight.detach().stop_grad()
        self.ignore_index, self.reduction = ignore_index, reduction

    def execute(self, input: Any, target: Any) -> Any:
        """Return the loss of log-probabilities (N, C, *)."""
        return nll_loss(input, target, self.weight, self.ignore_index, self.reduction)


class KLDivLoss(jt.nn.Module):
    """`torch.nn.KLDivLoss`; see `kl_div`."""

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        _require_reduction(reduction, (*_REDUCTIONS, "batchmean"))
        self.reduction, self.log_target = reduction, log_target

    def execute(self, input: Any, target: Any) -> Any:
        """Return the divergence of log-probabilities from targets."""
        return kl_div(input, target, self.reduction, self.log_target)
