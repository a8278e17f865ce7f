from __future__ import annotations

import numpy as np
import pytest

from parity.atlas.calls.use import Ref, Use, leaves


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("torch.nn.functional.conv2d", "F.conv2d"),
        ("torch.nn.Conv2d", "nn.Conv2d"),
        ("torch.Tensor.view", "x.view"),
        ("torch.Tensor.mT.__get__", "x.mT"),
        ("torch.cat", "torch.cat"),
    ],
)
def test_names_are_written_as_people_write_them(name: str, short: str) -> None:
    assert Use(name=name).short_name == short


def test_shapes_name_dtypes_other_than_float32() -> None:
    inputs = {"x": np.zeros((2, 3), np.float32), "t": np.zeros((), np.int64)}
    assert Use(name="f", inputs=inputs).shapes() == "x 2×3, t scalar int64"


def test_leaves_are_found_in_every_container() -> None:
    value = [Ref("a"), (Ref("b"), {"k": Ref("c")}), slice(Ref("d"), None, 2), 5]
    assert [v.name for v in leaves(value) if isinstance(v, Ref)] == ["a", "b", "c", "d"]
