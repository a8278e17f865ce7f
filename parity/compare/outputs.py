"""Judges what the arrays of outputs do not show: their structure, precision and emptiness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from parity.base.numerics import Precision
from parity.nested.outputs import Structure
from parity.noise.side_runner import Values
from parity.trace.sites import TensorSite
from parity.verdict import Cause, Judgement, error, other_structure

STRUCTURE = TensorSite("forward", "", "structure", scope="end_to_end")


class OutputRunner(Protocol):
    """Runs one side as its user does."""

    def values(self, precision: Precision) -> Values:
        """Return the arrays of a run by site."""

    def structure(self) -> Structure:
        """Return the structure of what the model returns."""


def judge_output_form(
    judged: Mapping[TensorSite, Judgement], reference: OutputRunner, candidate: OutputRunner
) -> dict[TensorSite, Judgement]:
    """Add what differs in the form of outputs to the judgements of a run end to end.

    Left out: outputs without elements, which are equal although nothing was compared.
    """
    wide = reference.values("float64")
    found = of_elements({s: array for s, array in wide.items() if s.tap is not None}, judged)
    single = reference.values("float32"), candidate.values("float32")
    for site, judgement in found.items():
        if site.quantity == "output" and judgement.verdict.passes() and site in single[0]:
            dtypes = [str(values[site].dtype) for values in single]
            if dtypes[0] != dtypes[1] and all(name.startswith("float") for name in dtypes):
                found[site] = error(Cause.DTYPE, compared=(dtypes[0], dtypes[1]))
    structures = reference.structure(), candidate.structure()
    if not structures[0].is_like(structures[1]):
        found = {STRUCTURE: other_structure((str(structures[0]), str(structures[1]))), **found}
    return found


def of_elements(
    values: Values, judged: Mapping[TensorSite, Judgement]
) -> dict[TensorSite, Judgement]:
    """Return the judgements without equal arrays of no elements: nothing was compared there.

    Args:
        values: of the reference, those in question.
        judged: judgements by site.
    """
    empty = {site for site, array in values.items() if array.size == 0}
    return {s: j for s, j in judged.items() if s not in empty or not j.verdict.passes()}
