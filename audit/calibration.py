"""`python -m audit.calibration`: how large a difference between correct code is, in noise.

The largest ratio of a difference to the noise that the harness measured there is what
`parity.limits.K` has to exceed. The code is torch against Jittor: the parts of the tiny U-Net and
the example models.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import click
import numpy as np
from tqdm import tqdm

from parity import Pair, check
from parity.compare import arrays
from parity.limits import K
from parity.verdict import Judgement, Measured, Verdict, judge
from safe_files import write_text

EXAMPLES = ("dcgan", "flow", "lstm_lm", "mixer", "vit")
SAME_FUNCTION = (Verdict.WITHIN_NOISE, Verdict.NUMERICALLY_WEAKER)
Ratios = dict[str, list[float]]


def correct_code() -> list[Pair]:
    """Return correct pairs of a PyTorch model and its port to Jittor, of eleven kinds."""
    import importlib

    import ddpm_study.pairs
    import jittor_env

    jittor_env.load()  # the example models import Jittor as any program does
    # The examples import each other as files of one folder, as they are run.
    sys.path.append(str(Path(__file__).parents[1] / "examples" / "pairs"))
    models = [importlib.import_module(name).pair for name in EXAMPLES]
    return [*ddpm_study.pairs.pairs(), *models]


@contextmanager
def ratios_of_judgements() -> Iterator[Ratios]:
    """Yield the ratios of all judgements that are made in the block, by precision.

    A judgement that fails on what was measured first is made again with more measurements; the
    ratio of the one that passes counts.
    """
    ratios: Ratios = {"float64": [], "float32": []}

    def judged(measured: Measured, *, is_plain_input: bool = True) -> Judgement:
        judgement = judge(measured, is_plain_input=is_plain_input)
        if judgement.verdict in SAME_FUNCTION:
            ratios["float64"].append(measured.semantic / measured.double_noise)
        if judgement.verdict is Verdict.WITHIN_NOISE:  # in float32 the sides are equally accurate
            sides = (measured.floor, measured.reference_error, measured.reference_spread)
            ratios["float32"].append(measured.candidate_error / max(sides))
        return judgement

    with mock.patch.object(arrays, "judge", judged):
        yield ratios


def summary(ratios: Sequence[float]) -> dict[str, float]:
    """Return the number of ratios, their median, 99.9th percentile and maximum."""
    median, high, largest = np.quantile(ratios, (0.5, 0.999, 1)).tolist()
    return {"tensors": len(ratios), "median": median, "high": high, "largest": largest}


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("calibration.json"))
@click.option("--seeds", type=click.IntRange(1, 1000), default=3)
def main(out: Path, seeds: int) -> None:
    """Check correct code and write how large its differences are, in units of noise, to OUT.

    Exit status 0: every pair agrees. 1: one does not.
    """
    result: dict[str, Any] = {"schema": "ddpm-calibration/1", "K": K, "seeds": seeds, "pairs": {}}
    together: Ratios = {"float64": [], "float32": []}
    disagreeing = []
    work = [(pair, seed) for pair in correct_code() for seed in range(seeds)]
    for pair, seed in tqdm(work, desc="calibration", unit="check"):
        with ratios_of_judgements() as ratios:
            report = check(pair, seed=seed)
        if not report.passed:
            disagreeing.append(f"{pair.name}, seed {seed}")
        of_pair = result["pairs"].setdefault(pair.name, {"float64": 0.0, "float32": 0.0})
        for precision, values in ratios.items():
            together[precision] += values
            of_pair[precision] = max([of_pair[precision], *values])
    result |= {precision: summary(values) for precision, values in together.items()}
    result["disagreeing"] = disagreeing
    write_text(out, json.dumps(result, indent=1, allow_nan=False) + "\n")
    for precision in together:
        s = result[precision]
        click.echo(
            f"{precision}: {s['tensors']:,} tensors, ratio to the noise: median {s['median']:.2f},"
            f" 99.9th percentile {s['high']:.2f}, largest {s['largest']:.2f} (K = {K:g})"
        )
    raise SystemExit(1 if disagreeing else 0)


if __name__ == "__main__":
    main()
