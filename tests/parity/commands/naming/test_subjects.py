from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from parity import CannotCompare
from parity.commands.naming.subjects import subjects_of


def options(*pairs: str, **others: Any) -> Namespace:
    settings = {"reference": None, "candidate": None, "input": [], "rename": [], **others}
    return Namespace(pairs=pairs, **settings)


def test_a_pair_that_cannot_be_loaded_does_not_keep_the_others(tmp_path: Path) -> None:
    path = tmp_path / "good.py"
    path.write_text("from parity import Pair\nmine = Pair(name='m', reference=dict, candidate=dict,"
                    " inputs=lambda g: {})\n")  # fmt: skip
    found, problems = subjects_of(options(f"{path}:mine", f"{path}:other"))
    assert [(s.value.name, s.source) for s in found] == [("m", f"{path}:mine")]
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "nothing to compare"),
        ({"reference": "a:b"}, "go together"),
        ({"input": ["x=2"]}, "--input and --rename belong to"),
        ({"rename": ["a=b"]}, "--input and --rename belong to"),
        ({"reference": "math:pi", "candidate": "math:pi"}, "--input is missing"),
    ],
)
def test_options_that_contradict_each_other(given: dict[str, Any], said: str) -> None:
    with pytest.raises(CannotCompare, match=said):
        subjects_of(options(**given))
