"""Writes a use of an operator or layer as a program, for PyTorch and for Jittor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parity.atlas.backends import Framework
from parity.atlas.calls.use import Dtype, Ref, Use

# Methods that people write as operators; both frameworks have these.
BINARY = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "true_divide": "/", "matmul": "@", "pow": "**",
    "floor_divide": "//", "remainder": "%", "gt": ">", "lt": "<", "ge": ">=", "le": "<=",
    "eq": "==", "ne": "!=", "__and__": "&", "__or__": "|", "__xor__": "^", "bitwise_and": "&",
    "bitwise_or": "|", "__pow__": "**", "__floordiv__": "//", "__mod__": "%", "__matmul__": "@",
}  # fmt: skip
REFLECTED = {
    "__radd__": "+", "__rsub__": "-", "__rmul__": "*", "__rdiv__": "/", "__rtruediv__": "/",
    "__rpow__": "**", "__rmatmul__": "@", "__rfloordiv__": "//", "__rmod__": "%",
}  # fmt: skip
IN_PLACE = {"add_": "+", "sub_": "-", "mul_": "*", "div_": "/"}
UNARY = {"neg": "-", "__invert__": "~", "bitwise_not": "~", "logical_not": "~"}
METHOD, PROPERTY = "torch.Tensor.", ".__get__"


def torch_source(use: Use) -> str:
    """Return the PyTorch source of a use; its names are `torch`, `F` and the keys of the inputs."""
    if use.layer is not None:
        return _torch_layer(use)
    return call(use, use.name.replace("torch.nn.functional.", "F."), "torch")


def written(use: Use) -> str:
    """Return a use in one line, as people write it."""
    if use.unbuilt:
        return use.short_name
    if use.layer is not None:
        return f"{use.short_name}({constructor(use)})"
    lines = torch_source(use).splitlines()
    return lines[1] if use.in_place else lines[0]


def call(
    use: Use, function: str, framework: Framework, keywords: Mapping[str, Any] | None = None
) -> str:
    """Return the source of a function's call.

    Args:
        use: the call.
        function: the name to write; a method's begins with `torch.Tensor.`.
        framework: whose dtypes are written.
        keywords: in place of the call's own.
    """
    keywords = use.keywords if keywords is None else keywords
    expression = _expression(use, function, framework, keywords)
    if not use.in_place:
        return expression
    target = text(use.positional[0], framework)
    copied = f"{target} = {target}.clone()"
    return f"{copied}\n{expression}\n{target}"


def _expression(use: Use, function: str, framework: Framework, keywords: Mapping[str, Any]) -> str:
    values = [text(value, framework) for value in use.positional]
    if not function.startswith(METHOD):
        return f"{function}({arguments(use.positional, keywords, framework)})"
    name = function.removeprefix(METHOD)
    first, others = values[0], values[1:]
    if name.endswith(PROPERTY):
        return f"{first}.{name.removesuffix(PROPERTY)}"
    if name == "__getitem__":
        return f"{first}[{_index(use.positional[1], framework)}]"
    if name == "__setitem__":
        return f"{first}[{_index(use.positional[1], framework)}] = {others[1]}"
    if len(others) == 1 and not keywords:
        for table, form in (
            (BINARY, "{0} {2} {1}"), (REFLECTED, "{1} {2} {0}"), (IN_PLACE, "{0} {2}= {1}")
        ):  # fmt: skip
            if name in table:
                return form.format(first, others[0], table[name])
    if not others and not keywords and name in UNARY:
        return f"{UNARY[name]}{first}"
    return f"{first}.{name}({arguments(use.positional[1:], keywords, framework)})"


def arguments(
    positional: tuple[Any, ...], keywords: Mapping[str, Any], framework: Framework
) -> str:
    """Return the arguments of a call as they stand between its parentheses."""
    return ", ".join(
        [text(value, framework) for value in positional]
        + [f"{name}={text(value, framework)}" for name, value in keywords.items()]
    )


def text(value: Any, framework: Framework) -> str:
    """Return an argument as source."""
    if isinstance(value, Ref):
        return value.name
    if isinstance(value, Dtype):
        return f"{'torch' if framework == 'torch' else 'jt'}.{value.name}"
    if isinstance(value, tuple):
        inner = ", ".join(text(item, framework) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, list):
        return f"[{', '.join(text(item, framework) for item in value)}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k!r}: {text(v, framework)}" for k, v in value.items()) + "}"
    if isinstance(value, slice):
        return f"slice({arguments((value.start, value.stop, value.step), {}, framework)})"
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    return "float('nan')" if value != value else "..." if value is ... else repr(value)


def _index(value: Any, framework: Framework) -> str:
    items = value if isinstance(value, tuple) else (value,)
    written = ", ".join(_slice(item, framework) for item in items)
    return f"{written}," if isinstance(value, tuple) and len(value) == 1 else written or "()"


def _slice(value: Any, framework: Framework) -> str:
    if not isinstance(value, slice):
        return text(value, framework)
    start, stop, step = (
        "" if part is None else text(part, framework)
        for part in (value.start, value.stop, value.step)
    )
    return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"


def constructor(use: Use, keywords: Mapping[str, Any] | None = None) -> str:
    """Return the arguments with which a layer is built, as source.

    Args:
        use: of a layer.
        keywords: in place of those that have a default.
    """
    assert use.layer is not None
    items = list(use.layer.constructor.items())
    required = tuple(value for _, value in items[: use.layer.required])
    optional = dict(items[use.layer.required :]) if keywords is None else keywords
    return arguments(required, optional, "torch")


def _torch_layer(use: Use) -> str:
    layer = use.layer
    assert layer is not None
    state = {**layer.parameters, **layer.buffers}
    called = text(use.positional, "torch")
    keywords = f", {text(use.keywords, 'torch')}" if use.keywords else ""
    lines = [f"m = {use.name}({constructor(use)})", f"m.{_mode(use)}()"]
    lines += [f"{name} = {name}.detach().clone()" for name in layer.buffers.values()]
    mapping = "{" + ", ".join(f"{path!r}: {name}" for path, name in state.items()) + "}"
    lines.append(f"y = torch.func.functional_call(m, {mapping}, {called}{keywords})")
    return "\n".join([*lines, _results(use, list(layer.buffers.values()))])


def jittor_layer(use: Use, name: str, constructed: str) -> str:
    """Return the Jittor source of a layer.

    Args:
        use: of a layer.
        name: the class to build, `jt.nn.Conv2d`.
        constructed: the arguments with which it is built.
    """
    layer = use.layer
    assert layer is not None
    lines = [f"m = {name}({constructed})", f"m.{_mode(use)}()"]
    state = {**layer.parameters, **layer.buffers}
    if state:
        # An attribute that the layer does not have is an exception, and not one more attribute.
        lines.append(", ".join(f"m.{path}" for path in state))
    lines += [f"m.{path} = {own}" for path, own in layer.parameters.items()]
    lines += [f"m.{path} = {own}.detach().clone()" for path, own in layer.buffers.items()]
    lines.append(f"y = m({arguments(use.positional, use.keywords, 'jittor')})")
    # In Jittor gradients flow into a running statistic; in PyTorch they do not.
    return "\n".join([*lines, _results(use, [f"m.{path}.detach()" for path in layer.buffers])])


def _results(use: Use, buffers: list[str]) -> str:
    """Return the expression that is compared: buffers too, where the layer may change them."""
    assert use.layer is not None
    return f"[y, {', '.join(buffers)}]" if buffers and use.layer.training else "y"


def _mode(use: Use) -> str:
    assert use.layer is not None
    return "train" if use.layer.training else "eval"
