"""Inputs that are named on the command line by shape and dtype."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity import CannotCompare
from parity.commands.naming.named_pair import LIMIT, named_pair

MODELS = """
from torch import nn

def build():
    return nn.Linear(3, 2)

made = build()
"""


@pytest.fixture
def models(tmp_path: Path) -> str:
    path = tmp_path / "models.py"
    path.write_text(MODELS)
    return str(path)


def drawn(models: str, *inputs: str) -> Any:
    pair = named_pair(f"{models}:build", f"{models}:build", inputs, rename=[])
    return pair.inputs(np.random.default_rng(0))


@pytest.mark.parametrize(
    ("text", "name", "dtype", "shape"),
    [
        ("x=2,3", "x", "float32", (2, 3)),
        ("x=float64:2", "x", "float64", (2,)),
        ("mask=bool:5", "mask", "bool", (5,)),
        ("t=int64:4", "t", "int64", (4,)),
        ("scale=", "scale", "float32", ()),
    ],
)
def test_a_shape_and_a_dtype_make_an_array(
    text: str, name: str, dtype: str, shape: tuple[int, ...], models: str
) -> None:
    (found,) = drawn(models, text).items()
    assert found[0] == name
    assert (np.asarray(found[1]).dtype, np.shape(found[1])) == (np.dtype(dtype), shape)


def test_integers_stay_below_their_limit(models: str) -> None:
    values = drawn(models, "t=int64<3:1000", "u=int32:1000")
    assert set(values["t"]) == {0, 1, 2}
    assert set(values["u"]) == set(range(LIMIT))


def test_inputs_without_a_name_are_by_position(models: str) -> None:
    first, second = drawn(models, "2,3", "int64:2")
    assert first.shape == (2, 3)
    assert second.dtype == np.int64


def test_a_model_that_is_built_already_is_taken(models: str) -> None:
    pair = named_pair(f"{models}:made", f"{models}:build", ["4,3"], rename=["a=b"], training=True)
    assert pair.reference() is pair.reference()
    assert pair.candidate() is not pair.candidate()
    assert (pair.rename, pair.training) == ({"a": "b"}, True)


def test_a_builder_that_is_not_there_is_named_with_what_is(models: str) -> None:
    with pytest.raises(CannotCompare, match="name one of nn, build, made after a colon"):
        named_pair(f"{models}:absent", f"{models}:build", ["2"], rename=[])
