"""All names of the package are PyTorch's, and its page lists each with an example that runs."""

from __future__ import annotations

import re

import pytest
import torch

from jittor_env import compat
from tests.repository.import_graph import ROOT

PAGE = ROOT / "docs" / "compat.md"
PLACES = (torch.nn, torch.nn.functional, torch, torch.optim, torch.optim.lr_scheduler)


@pytest.mark.parametrize("name", compat.__all__)
def test_a_name_is_one_of_pytorch_and_is_on_the_page(name: str) -> None:
    assert callable(getattr(compat, name))
    assert any(hasattr(place, name) for place in PLACES)
    assert f"`{name}`" in PAGE.read_text(encoding="utf-8")


def test_the_page_lists_nothing_else() -> None:
    rows = re.findall(r"^\| (`.*?) \|", PAGE.read_text(encoding="utf-8"), flags=re.M)
    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(listed) == compat.__all__


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Conv2d'"):
        _ = compat.Conv2d


def test_the_example_on_the_page_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(example, str(PAGE), "exec"), {"__name__": "page"})
