"""Names of the sets of cases, for `--only`."""

from __future__ import annotations

SETS = ("mutant", "rewrite", "double", "drawn", "corruption", "sensitivity", "baseline")
# Names of version 0.1, which `--only` still takes.
FORMER_NAMES = {"vacuity": "corruption", "curve": "sensitivity", "field": "baseline"}
