"""Runs one tensor of one comparison again, for a debugger or a script that shows a fault."""

from __future__ import annotations

import pprint
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from parity.base.numerics import Array, Precision
from parity.errors import CannotCompare
from parity.limits import K
from parity.noise.side_runner import Values
from parity.pair import Pair
from parity.prepare import prepare
from parity.report.finding import Finding
from parity.report.report import Report
from parity.report.text import where
from parity.report.wording import tensor_name
from parity.trace.model_building import build
from parity.trace.sites import TensorSite, of_parameter
from parity.trace.values import tensor_sites
from parity.trajectories.optimizer_check import trajectories
from parity.trajectories.trajectory import Trajectory
from parity.trajectories.trajectory_runner import values_of_step
from safe_files import write_text

_SCRIPT = '''"""{headline}

Shows this one tensor and nothing else. Run it where the pair can be imported: exit status 1 while
the two sides differ here, 0 when they no longer do.
"""

import sys

import numpy as np

from parity.pair_loading import load_pairs
from parity.diagnose.reproducer import replay

pair = next(p for p in load_pairs({source!r}) if p.name == {name!r})
arguments = {arguments}
reference, candidate = replay(pair, **arguments)
print("reference", reference.shape, reference.dtype, "candidate", candidate.shape, candidate.dtype)
if reference.shape != candidate.shape:
    sys.exit(1)

difference = np.abs(candidate.astype(float) - reference)
worst = np.unravel_index(difference.argmax(), difference.shape)
print(f"at {{list(map(int, worst))}}: {{reference[worst]}} and {{candidate[worst]}}")
# The rounding measured here, times {k:g}.
allowed = {allowed!r} * (np.abs(reference).max() or 1.0)
print(f"largest difference {{difference.max():.3e}}, and rounding explains {{allowed:.3e}}")
sys.exit(0 if difference.max() <= allowed else 1)
'''


def replay(
    pair: Pair | Trajectory,
    *,
    site: Mapping[str, Any],
    stress_input: str = "plain",
    seed: int = 0,
    precision: Precision = "float64",
) -> tuple[Array, Array]:
    """Run both sides once, as a comparison does, and return one tensor of each.

    Args:
        pair: the pair or trajectory.
        site: the fields of the finding's `TensorSite` that are not its defaults.
        stress_input: of the finding.
        seed: of the comparison; a trajectory draws its own numbers.
        precision: of the candidate's run.

    Returns:
        The reference's tensor, in float64, and the candidate's.

    Raises:
        CannotCompare: a side has no such tensor, or cannot be run.
    """
    wanted = TensorSite(**site)
    reference, candidate = (
        _at(values, wanted) for values in _runs(pair, wanted, stress_input, seed, precision)
    )
    return reference, candidate


def _runs(
    pair: Pair | Trajectory, site: TensorSite, stress_input: str, seed: int, precision: Precision
) -> tuple[Values, Values]:
    step = None if site.scope == "free_run" else site.step
    if isinstance(pair, Trajectory):
        return values_of_step(pair, step, precision)
    if site.scope == "built":
        return _initial(pair)
    runner = prepare(pair, seed=seed).runner
    if site.scope in ("step", "free_run"):
        return values_of_step(trajectories(runner)[step is None], step, precision)
    if site.scope == "end_to_end":
        return runner.end_to_end(precision)
    teacher, candidate = runner.rerun(stress_input, precision=precision)
    return tensor_sites(teacher), tensor_sites(candidate)


def _initial(pair: Pair) -> tuple[Values, Values]:
    _, candidate, reference_state, _ = build(pair)
    to_numpy = candidate.adapter.to_numpy
    candidate_state = candidate.by_reference_path(
        {name: to_numpy(tensor) for name, tensor in candidate.own_parameters().items()}
    )
    reference, other = (
        {of_parameter("init", path, "parameter", scope="built"): array for path, array in s.items()}
        for s in (reference_state, candidate_state)
    )
    return reference, other


def _at(values: Values, wanted: TensorSite) -> Array:
    for site in values:
        # A finding knows no tap, and names the step where a single step's tensors do not.
        step = site.step if site.scope == "free_run" else wanted.step
        if site._replace(tap=None, step=step) == wanted:
            return values[site]
    raise CannotCompare(
        f"no {wanted.phase} of {tensor_name(wanted)!r} at {wanted.path or 'the model itself'!r}"
    )


def write_script(report: Report, source: str, *, seed: int, path: Path) -> bool:
    """Write a script that shows a report's first divergence, if there is one.

    Args:
        report: of the comparison.
        source: `module:attribute` of the pair.
        seed: of the comparison.
        path: of the script.

    Returns:
        Whether there was a difference between two runs to show; tables are no runs.

    Raises:
        CannotWrite: the file cannot be written.
    """
    first = report.first_divergence
    if first is None or first.quantity == "table":
        return False
    write_text(path, script(report.pair, first, source, seed))
    return True


def script(name: str, finding: Finding, source: str, seed: int) -> str:
    """Return the text of the script, at most 40 lines."""
    site = {
        field: value
        for field, value in finding.site._asdict().items()
        if field not in TensorSite._field_defaults or value != TensorSite._field_defaults[field]
    }
    arguments = {
        "site": site,
        "stress_input": finding.stress_input or "plain",
        "seed": seed,
        "precision": finding.precision,
    }
    return _SCRIPT.format(
        headline=f"{name} differs at {where(finding)}.",
        source=source,
        name=name,
        arguments=pprint.pformat(arguments, width=90, sort_dicts=False),
        k=K,
        allowed=K * finding.noise if np.isfinite(finding.noise) else 0.0,
    )
