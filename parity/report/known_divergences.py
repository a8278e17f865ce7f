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
    """

    meaning: str
    workaround: str


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
}
