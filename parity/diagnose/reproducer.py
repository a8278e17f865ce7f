"""One place of one comparison again, alone: for a debugger, or a script that shows a fault."""

from __future__ import annotations

import pprint
from pathlib import Path

import numpy as np

from parity.base.numerics import Array, Precision
from parity.base.stress_inputs import STRESS_INPUTS
from parity.compare.noise_profile import Values
from parity.errors import CannotCompare
from parity.pair import Pair
from parity.pair_check import prepare
from parity.report.finding import Finding
from parity.report.report import Report
from parity.report.text import where
from parity.trace.bound_model import build
from parity.trace.sites import TensorSite, tensor_sites
from parity.trajectories.optimizer_check import trajectories
from parity.trajectories.trajectory import FREE_RUN, Trajectory, values_of_step
from parity.verdict import K
from safe_files import write_text

_SCRIPT = '''"""{headline}

Shows this one place and nothing else. Run it where the pair can be imported: exit status 1 while
the two sides part here, 0 when they no longer do.
"""

import sys

import numpy as np

from parity.pair_loading import load_pairs
from parity.diagnose.reproducer import replay

pair = next(p for p in load_pairs({source!r}) if p.name == {name!r})
site = {site}
reference, candidate = replay(pair, **site)
print("reference", reference.shape, reference.dtype, "candidate", candidate.shape, candidate.dtype)
if reference.shape != candidate.shape:
    sys.exit(1)

gap = np.abs(candidate.astype(float) - reference)
worst = np.unravel_index(gap.argmax(), gap.shape)
print(f"at {{list(map(int, worst))}}: {{reference[worst]}} and {{candidate[worst]}}")
# What rounding explains here, as it was measured, times {k:g}.
allowed = {allowed!r} * (np.abs(reference).max() or 1.0)
print(f"largest difference {{gap.max():.3e}}, and rounding explains {{allowed:.3e}}")
sys.exit(0 if gap.max() <= allowed else 1)
'''


def replay(
    model: Pair | Trajectory,
    *,
    path: str,
    phase: str,
    tensor: str,
    stress_input: str = "plain",
    seed: int = 0,
    precision: Precision = "float64",
) -> tuple[Array, Array]:
    """Run both sides once, as a comparison does, and return what they left at one place.

    Args:
        model: the pair or course.
        path: of the finding, as are phase, tensor and probe.
        phase: see path.
        tensor: see path.
        stress_input: see path; `step N` or `free run` in a course, or of a pair's optimizer.
        seed: of the comparison; a course draws its own numbers.
        precision: of the candidate's run.

    Returns:
        The reference's tensor, in float64, and the candidate's.

    Raises:
        CannotCompare: a side has no such place, or cannot be run.
    """
    if isinstance(model, Trajectory):
        runs = values_of_step(model, stress_input, precision)
    elif phase == "init":
        runs = _initial(model)
    elif stress_input not in STRESS_INPUTS:
        of_pair = trajectories(prepare(model, seed=seed).runner)
        runs = values_of_step(of_pair[stress_input == FREE_RUN], stress_input, precision)
    elif tensor.endswith("end to end"):
        runs = prepare(model, seed=seed).runner.whole(precision)
    else:
        teacher, other = prepare(model, seed=seed).runner.rerun(stress_input, precision=precision)
        runs = tensor_sites(teacher), tensor_sites(other)
    expected, found = (_at(values, path, phase, tensor) for values in runs)
    return expected, found


def _initial(pair: Pair) -> tuple[Values, Values]:
    _, candidate, state = build(pair)
    own = candidate.adapter.parameters() | candidate.adapter.buffers()
    theirs = {p: candidate.adapter.to_numpy(own[n]) for p, n in candidate.parameters.items()}
    ours, other = ({_parameter(p): a for p, a in side.items()} for side in (state, theirs))
    return ours, other


def _parameter(path: str) -> TensorSite:
    owner, _, name = path.rpartition(".")
    return TensorSite("init", owner, name)


def _at(values: Values, path: str, phase: str, tensor: str) -> Array:
    for site in values:
        if (site.path, site.phase, site.tensor) == (path, phase, tensor):
            return values[site]
    raise CannotCompare(f"no {phase} of {tensor!r} at {path or 'the model itself'!r}")


def write_script(report: Report, source: str, *, seed: int, path: Path) -> bool:
    """Write a script that shows a report's first divergence, if there is one.

    Args:
        report: of the comparison.
        source: `module:attribute` of the pair.
        seed: of the comparison.
        path: of the script.

    Returns:
        Whether there was anything to show.

    Raises:
        CannotWrite: the file cannot be written.
    """
    first = report.first_divergence
    if first is None:
        return False
    write_text(path, script(report.pair, first, source, seed))
    return True


def script(name: str, finding: Finding, source: str, seed: int) -> str:
    """Return the text of the script, at most 40 lines."""
    in_float32 = finding.reason.startswith("in float32") or "loses digits" in finding.reason
    site = {
        "path": finding.path,
        "phase": finding.phase,
        "tensor": finding.tensor,
        "stress_input": finding.stress_input,
        "seed": seed,
        "precision": "float32" if in_float32 else "float64",
    }
    return _SCRIPT.format(
        headline=f"{name} parts at {where(finding)}.",
        source=source,
        name=name,
        site=pprint.pformat(site, width=90, sort_dicts=False),
        k=K,
        allowed=K * finding.noise if np.isfinite(finding.noise) else 0.0,
    )
