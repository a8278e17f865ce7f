"""Examples in docstrings give what they show."""

from __future__ import annotations

import doctest
import importlib

import pytest

from tests.repository.import_graph import ROOT, module_name
from tests.repository.test_layout import ALLOWED, python_files

WITH_EXAMPLES = [
    module_name(path)
    for path in python_files(*ALLOWED)
    if ">>>" in path.read_text(encoding="utf-8")
]


def test_there_are_examples() -> None:
    assert WITH_EXAMPLES, ROOT


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_in_docstrings_hold(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
