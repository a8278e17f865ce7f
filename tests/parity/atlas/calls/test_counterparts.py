"""Stand-ins for Jittor: a module tree in which functions have other names and arguments."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from parity.atlas.calls.counterparts import jittor_sources
from parity.atlas.calls.use import Layer, Ref, Use


class Var:
    def clamp(self, min_v: Any = None, max_v: Any = None) -> Any: ...


class Conv2d:
    def __init__(self, inputs: int, outputs: int, kernel_size: int, bias: bool = True) -> None: ...


def interpolate(x: Any, scale_factor: Any = None, mode: str = "bilinear") -> Any: ...


def dropout(x: Any, p: float = 0.5, is_train: bool = False) -> Any: ...


def cross_entropy_loss(output: Any, target: Any, ignore_index: Any = None) -> Any: ...


JT = SimpleNamespace(
    Var=Var,
    clamp=Var.clamp,
    nn=SimpleNamespace(
        Conv2d=Conv2d,
        interpolate=interpolate,
        cross_entropy_loss=cross_entropy_loss,
        dropout=dropout,
    ),
)
X = (Ref("x"),)


def ways(name: str, positional: tuple[Any, ...] = X, **options: Any) -> list[str]:
    return list(jittor_sources(Use(name=name, positional=positional, **options), JT).ways)


def test_what_is_not_there_has_no_source() -> None:
    assert ways("torch.nn.functional.hardswish") == []
    assert ways("torch.Tensor.mT.__get__") == []
    assert ways("torch.fft.rfft") == []


def test_operators_are_always_there() -> None:
    assert ways("torch.Tensor.add", (Ref("x"), 1)) == ["x + 1"]


def test_the_same_call_comes_first_then_jittors_names_for_its_arguments() -> None:
    assert ways("torch.Tensor.clamp", keywords={"min": 0}) == [
        "x.clamp(min=0)", "x.clamp(min_v=0)", "jt.clamp(x, min=0)", "jt.clamp(x, min_v=0)",
    ]  # fmt: skip


def test_functions_with_another_name_are_found() -> None:
    found = ways("torch.nn.functional.cross_entropy", (Ref("x"), Ref("y")))
    assert found == ["jt.nn.cross_entropy_loss(x, y)"]


def test_a_layer_stands_in_for_a_function_that_is_not_there() -> None:
    found = ways("torch.nn.functional.conv_2d", (Ref("x"), 3, 4, 1))
    assert found == ["jt.nn.Conv2d(3, 4, 1)(x)"]


def test_defaults_that_are_others_in_jittor_are_spelled_out() -> None:
    use = Use(
        name="torch.nn.functional.interpolate",
        positional=X,
        keywords={"scale_factor": 2},
        defaults={"mode": "nearest", "antialias": False},
    )
    sources = jittor_sources(use, JT)
    assert sources.ways[0] == "jt.nn.interpolate(x, scale_factor=2, mode='nearest')"
    assert sources.short == "jt.nn.interpolate(x, scale_factor=2)"


def test_a_default_with_another_name_in_jittor_is_spelled_out_too() -> None:
    use = Use(name="torch.nn.functional.dropout", positional=X, defaults={"training": True})
    sources = jittor_sources(use, JT)
    assert sources.ways[0] == "jt.nn.dropout(x, is_train=True)"
    assert sources.short == "jt.nn.dropout(x)"


def test_a_layer_takes_the_arguments_that_it_knows() -> None:
    layer = Layer(
        constructor={"in_channels": 3, "out_channels": 4, "kernel_size": 1, "device": 0},
        required=3, training=True, parameters={}, buffers={},
    )  # fmt: skip
    found = ways("torch.nn.Conv2d", layer=layer)
    assert [source.splitlines()[0] for source in found] == [
        "m = jt.nn.Conv2d(3, 4, 1, device=0)",
        "m = jt.nn.Conv2d(3, 4, 1)",
    ]
    assert ways("torch.nn.Conv3d", layer=layer) == []


def test_drop_in_replacements_are_apart() -> None:
    compat = SimpleNamespace(clamp=lambda x, min=None, max=None: x)
    use = Use(name="torch.Tensor.clamp", positional=X, keywords={"min": 0})
    sources = jittor_sources(use, JT, compat)
    assert list(sources.replacements) == ["compat.clamp(x, min=0)"]
    assert not any("compat" in source for source in sources.ways)


def test_an_operator_is_replaced_by_its_function() -> None:
    compat = SimpleNamespace(remainder=lambda x, y: x)
    use = Use(name="torch.Tensor.__mod__", positional=(Ref("x"), 2))
    assert list(jittor_sources(use, JT, compat).replacements) == ["compat.remainder(x, 2)"]
