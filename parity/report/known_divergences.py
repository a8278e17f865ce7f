"""Rules of frameworks that differ, by name: what differs, and what to write instead.

The experiments that tell whether one explains a difference are in `parity.diagnose.known`; all
divergences that were found, operator by operator, are in docs/jittor-divergences.md.
"""

from __future__ import annotations

from typing import NamedTuple


class KnownDivergence(NamedTuple):
    """One rule that differs between frameworks.

    Attributes:
        meaning: what differs.
        workaround: what to do about it.
        functions: PyTorch's functions whose counterparts in Jittor follow the other rule; empty
            where the experiment is not to replace functions.
    """

    meaning: str
    workaround: str
    functions: frozenset[str] = frozenset()


def _functional(*names: str) -> frozenset[str]:
    return frozenset(f"torch.nn.functional.{name}" for name in names)


def _everywhere(*names: str) -> frozenset[str]:
    return frozenset(f"torch.{place}{name}" for name in names for place in ("", "Tensor."))


DIVERGENCES = {
    "jittor.batch_norm.running_var": KnownDivergence(
        "Jittor's BatchNorm keeps the biased variance in running_var, PyTorch's the unbiased one",
        "accept it if the model is not trained further; or multiply the batch's variance by "
        "n / (n - 1) in the port",
    ),
    "jittor.adam.eps": KnownDivergence(
        "Jittor's Adam adds epsilon before the bias correction, PyTorch's after it",
        "divide epsilon by sqrt(1 - beta2^step) in the port, or use an Adam that does",
    ),
    "output structure": KnownDivergence(
        "the outputs are nested otherwise; the tensors in them are compared in order",
        "return the same structure, or accept it if all callers of the port know",
    ),
    "subgradient": KnownDivergence(
        "at a tie or a kink, such as the largest of equal values, frameworks choose another "
        "subgradient",
        "accept it if the model meets no ties in training; or write the maximum with indices in "
        "the port",
    ),
    "jittor.adaptive_pool": KnownDivergence(
        "Jittor's adaptive pooling takes windows of one size; PyTorch's follow the sizes where "
        "they do not divide",
        "give the pooling an input whose size the output's size divides",
        _functional(*(f"adaptive_{kind}_pool{n}d" for kind in ("avg", "max") for n in (1, 2, 3))),
    ),
    "jittor.pool": KnownDivergence(
        "Jittor's pooling treats windows that reach over the edge otherwise: with ceil_mode, with "
        "padding, or without counting it",
        "pad the input by hand and pool without padding",
        _functional(*(f"{kind}_pool{n}d" for kind in ("avg", "max") for n in (1, 2, 3))),
    ),
    "jittor.interpolate": KnownDivergence(
        "Jittor's interpolate recomputes the scale from the rounded size, and places the samples "
        "of some modes otherwise",
        "give a size in place of a scale factor, or a factor that gives whole sizes",
        _functional("interpolate", "upsample"),
    ),
    "jittor.grid_sample": KnownDivergence(
        "Jittor's grid_sample rounds halves otherwise and treats the border otherwise",
        "accept it if no sample lies halfway between two pixels",
        _functional("grid_sample", "affine_grid"),
    ),
    "jittor.std": KnownDivergence(
        "Jittor's std and var hold the variance above 1e-6, so that small deviations become 1e-3 "
        "and lose their gradient",
        "write the square root of the mean of squares with the epsilon that the model needs",
        _everywhere("std", "var"),
    ),
    "jittor.norm": KnownDivergence(
        "Jittor's norm and normalize hold the sum of squares above an epsilon under the root",
        "write the root of the sum of squares, and the maximum with epsilon after it",
        _everywhere("norm") | _functional("normalize") | {"torch.linalg.norm"},
    ),
    "jittor.sigmoid": KnownDivergence(
        "Jittor's sigmoid, and silu with it, holds its argument above -30 in float32",
        "accept it if no value below -30 matters; or write 1 / (1 + exp(-x))",
        _everywhere("sigmoid") | _functional("sigmoid", "silu", "logsigmoid"),
    ),
    "jittor.loss": KnownDivergence(
        "a loss of Jittor averages, weights or ignores rows otherwise",
        "write the mean over the rows that count by hand",
        _functional(
            *("cross_entropy", "nll_loss", "kl_div", "ctc_loss", "binary_cross_entropy"),
            *("binary_cross_entropy_with_logits", "smooth_l1_loss", "huber_loss"),
        ),
    ),
    "jittor.softplus": KnownDivergence(
        "Jittor's softplus computes exp of its argument, which overflows where PyTorch's is linear",
        "write the maximum of x and 0, plus log(1 + exp(-abs(x)))",
        _functional("softplus"),
    ),
    "jittor.product": KnownDivergence(
        "Jittor's cumprod takes logarithms, and the gradient of its prod divides by the factors: "
        "NaN for negative factors or zeros",
        "multiply in a loop, or slices pairwise",
        _everywhere("prod", "cumprod"),
    ),
    "jittor.remainder": KnownDivergence(
        "Jittor's remainder and floor division round towards zero, or lose the divisor's gradient",
        "write x - y * floor(x / y)",
        _everywhere("remainder", "fmod", "floor_divide") | {"torch.Tensor.__mod__"},
    ),
}
