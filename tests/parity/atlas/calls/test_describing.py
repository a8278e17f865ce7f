from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from parity.atlas.calls.describing import Describer, Unwritable, is_in_place
from parity.atlas.calls.use import Dtype, Ref

X, WEIGHT = torch.zeros(2, 3), torch.zeros(4, 3)


def describer() -> Describer:
    return Describer({id(WEIGHT): "block.proj.weight"})


def test_tensors_get_names_and_parameters_their_own() -> None:
    use, tensors = describer().function("F.linear", functional.linear, (X, WEIGHT), {})
    assert use.positional == (Ref("x"), Ref("weight"))
    assert use.weights == {"weight"}
    assert tensors["x"] is X
    assert tensors["weight"] is WEIGHT


def test_one_tensor_given_twice_has_one_name() -> None:
    use, tensors = describer().function("torch.cat", torch.cat, ([X, X, X.clone()],), {})
    assert use.positional == ([Ref("x"), Ref("x"), Ref("y")],)
    assert list(tensors) == ["x", "y"]


def test_defaults_are_set_apart_and_devices_left_out() -> None:
    keywords = {"scale_factor": 2, "mode": "nearest", "align_corners": None}
    use, _ = describer().function("F.interpolate", functional.interpolate, (X,), keywords)
    assert use.keywords == {"scale_factor": 2}
    assert use.defaults == {"mode": "nearest"}
    made, _ = describer().function(
        "torch.zeros", torch.zeros, (torch.Size([2]),), {"device": "cpu", "dtype": torch.int64}
    )
    assert (made.positional, made.keywords) == (((2,),), {"dtype": Dtype("int64")})


def test_an_object_among_the_arguments_cannot_be_written() -> None:
    with pytest.raises(Unwritable, match="an argument is of type object"):
        describer().function("f", None, (X, object()), {})


def test_a_tuple_with_names_is_no_plain_one() -> None:
    packed = torch.nn.utils.rnn.pack_sequence([X, X])
    with pytest.raises(Unwritable, match="an argument is of type PackedSequence"):
        describer().function("f", None, (packed,), {})
    assert describer().function("f", None, (X, (1, 2)), {}).use.positional == (Ref("x"), (1, 2))


def test_a_move_to_a_device_computes_nothing() -> None:
    with pytest.raises(Unwritable, match=r"^$"):
        describer().function("torch.Tensor.to", None, (X, "cpu"), {})
    use, _ = describer().function("torch.Tensor.to", None, (X, "cpu", torch.float64), {})
    assert use.positional == (Ref("x"), Dtype("float64"))


def test_a_view_that_is_changed_cannot_be_written() -> None:
    with pytest.raises(Unwritable, match="it changes a view of another tensor"):
        describer().function("torch.Tensor.mul_", None, (torch.zeros(3)[1:], 2), {})
    describer().function("torch.Tensor.mul_", None, (torch.zeros(3), 2), {})


@pytest.mark.parametrize(
    ("name", "expected"),
    [("torch.Tensor.add_", True), ("torch.Tensor.__setitem__", True), ("torch.Tensor.add", False),
     ("torch.Tensor.__getitem__", False), ("torch.Tensor.mT.__get__", False)],
)  # fmt: skip
def test_functions_that_change_a_tensor_are_known_by_their_names(name: str, expected: bool) -> None:
    assert is_in_place(name) is expected
