"""The page on users' own models: its example runs."""

from __future__ import annotations

import re

from tests.repository.import_graph import ROOT

PAGE = ROOT / "docs" / "your-own-models.md"


def test_the_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(example, str(PAGE), "exec"), {"__name__": "page"})
