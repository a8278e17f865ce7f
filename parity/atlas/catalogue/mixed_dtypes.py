"""Operations between dtypes, and casts to and from float16 and bfloat16."""

from parity.atlas.entry import Entry, numeric, real, rule, weight

_KINDS = {
    "bool": ("torch.tensor([True, False])", "jt.array([True, False])"),
    "uint8": ("torch.tensor([200, 100], dtype=torch.uint8)", "jt.array(np.uint8([200, 100]))"),
    "int8": ("torch.tensor([100, 3], dtype=torch.int8)", "jt.array(np.int8([100, 3]))"),
    "int16": ("torch.tensor([300, 3], dtype=torch.int16)", "jt.array(np.int16([300, 3]))"),
    "int32": ("torch.tensor([7, 3], dtype=torch.int32)", "jt.array(np.int32([7, 3]))"),
    "float16": ("torch.tensor([1.5, 3]).half()", "jt.array([1.5, 3.0]).float16()"),
    "bfloat16": ("torch.tensor([1.5, 3]).bfloat16()", "jt.array([1.5, 3.0]).bfloat16()"),
    "float32": ("torch.tensor([1.5, 3])", "jt.array([1.5, 3.0])"),
    "float64": (
        "torch.tensor([1.5, 3], dtype=torch.float64)",
        "jt.array64(np.array([1.5, 3.0]))",
    ),
}
_SMALL = "With a small integer type a fraction gives float16, not float32."
_SIGNED = "An operation of unsigned integers gives signed ones in Jittor."
_WIDER = "Jittor returns float32."
_TRUNCATED = "Jittor cuts the digits off, PyTorch rounds to the nearest."
_PAIRS = (
    ("bool", "bool"), ("bool", "int32"), ("bool", "float32"), ("uint8", "uint8"),
    ("uint8", "int8"), ("uint8", "int32"), ("int8", "int16"), ("int16", "float32"),
    ("int32", "float16"), ("int32", "float32"), ("int32", "float64"), ("float16", "float16"),
    ("float16", "float32"), ("float32", "float16"), ("float16", "bfloat16"),
    ("bfloat16", "float32"), ("float32", "bfloat16"), ("float16", "float64"),
    ("float32", "float64"), ("float64", "float32"),
)  # fmt: skip
_NOTES = {
    "uint8 + uint8, dtype": _SIGNED,
    "uint8 + int8, dtype": _SIGNED,
    "uint8 + 1, dtype": _SIGNED,
    "int32 + float16, dtype": "PyTorch keeps the float type, Jittor takes the one of the integer's "
    "size.",
    "float16 + bfloat16, dtype": "PyTorch takes float32, which holds both.",
    "bool * 2, dtype": "The product with a number has the size of the tensor's dtype.",
    "bool + 0.5, dtype": _SMALL,
    "uint8 * 0.5, dtype": _SMALL,
    "int8 / 2, dtype": _SMALL,
    "float32.long()": "Jittor's default integers have 32 bits.",
    "float32.short()": "Jittor's tensors have no `short`: use `int16()`.",
    "float32.byte()": "Jittor's tensors have no `byte`: use `uint8()`.",
    "uint8 minus a larger number": _SIGNED,
    "uint8 divided by 255": f"{_SMALL} Cast to float32 first.",
    "floor of a large float to an integer": "Jittor's default integers have 32 bits.",
    "rounding to bfloat16": _TRUNCATED,
    "exponential of float16": _WIDER,
    "exponential of bfloat16": _WIDER,
    "softmax of bfloat16": _TRUNCATED,
    "mean of bfloat16": _TRUNCATED,
    "quotient of bfloat16": _TRUNCATED,
}


def _sum(a: str, b: str) -> Entry:
    (ta, ja), (tb, jb) = _KINDS[a], _KINDS[b]
    name = f"{a} + {b}, dtype"
    return rule(name, f"({ta} + {tb}).dtype", f"({ja} + {jb}).dtype", note=_NOTES.get(name, ""))


def _with_number(dtype: str, operator: str, number: str) -> Entry:
    t, j = _KINDS[dtype]
    name = f"{dtype} {operator} {number}, dtype"
    return rule(name, f"({t} {operator} {number}).dtype", f"({j} {operator} {number}).dtype",
                note=_NOTES.get(name, ""))  # fmt: skip


def _value(name: str, torch: str, jittor: str, note: str = "", workaround: str = "") -> Entry:
    return rule(name, f"[float(v) for v in ({torch}).tolist()]",
                f"[float(v) for v in ({jittor}).tolist()]", note=note or _NOTES.get(name, ""),
                workaround=workaround)  # fmt: skip


def _cast(source: str, method: str) -> Entry:
    t, j = _KINDS[source]
    name = f"{source}.{method}()"
    return rule(name, f"({t}).{method}().dtype", f"({j}).{method}().dtype",
                note=_NOTES.get(name, ""))  # fmt: skip


_HALF = {"float16": ".half()", "bfloat16": ".bfloat16()"}
ENTRIES = (
    *(_sum(a, b) for a, b in _PAIRS),
    *(
        _with_number(dtype, operator, number)
        for dtype, operator, number in (
            ("bool", "*", "2"), ("bool", "+", "0.5"), ("bool", "+", "True"), ("uint8", "+", "1"),
            ("uint8", "*", "0.5"), ("int8", "/", "2"), ("int32", "/", "2"), ("int32", "//", "2"),
            ("int32", "**", "2"), ("int32", "*", "0.5"), ("float16", "*", "2"),
            ("float16", "*", "0.5"), ("float16", "/", "3"), ("bfloat16", "*", "0.5"),
            ("float32", "**", "2"), ("float64", "+", "1"),
        )
    ),
    *(
        _cast(source, method)
        for source, method in (
            ("float32", "half"), ("float32", "bfloat16"), ("float32", "double"),
            ("float32", "long"), ("float32", "bool"), ("float16", "float"), ("bfloat16", "float"),
            ("int32", "float"), ("bool", "int"), ("float32", "short"), ("float32", "byte"),
        )
    ),
    _value("uint8 + uint8 wraps around", "torch.tensor([200], dtype=torch.uint8) + "
           "torch.tensor([100], dtype=torch.uint8)",
           "jt.array(np.uint8([200])) + jt.array(np.uint8([100]))"),
    _value("uint8 minus a larger number", "torch.tensor([3], dtype=torch.uint8) - 5",
           "jt.array(np.uint8([3])) - 5"),
    _value("uint8 divided by 255", "torch.tensor([200], dtype=torch.uint8) / 255",
           "jt.array(np.uint8([200])) / 255"),
    _value("uint8 to float and divided", "torch.tensor([200], dtype=torch.uint8).float() / 255",
           "jt.array(np.uint8([200])).float() / 255"),
    _value("int8 divided by int8", "torch.tensor([7], dtype=torch.int8) / "
           "torch.tensor([2], dtype=torch.int8)", "jt.array(np.int8([7])) / jt.array(np.int8([2]))"
           ),
    _value("int32 times a float32", "torch.tensor([7]) * torch.tensor([0.5])",
           "jt.array([7]) * jt.array([0.5])"),
    _value("int32 compared with a float", "torch.tensor([1, 2]) > 1.5", "jt.array([1, 2]) > 1.5"),
    _value("int32 added to in place by a float", "torch.tensor([1, 2]).add_(1.5)",
           "jt.array([1, 2]).add_(1.5)", "PyTorch refuses a result that its dtype cannot hold."),
    _value("integers to the power of -1", "torch.tensor([2, 4]) ** -1", "jt.array([2, 4]) ** -1",
           "PyTorch refuses it."),
    _value("integers to the power of 2", "torch.tensor([3, -3]) ** 2", "jt.array([3, -3]) ** 2"),
    _value("integers to the power of 3", "torch.tensor([3, -3]) ** 3", "jt.array([3, -3]) ** 3"),
    _value("square root of integers", "torch.sqrt(torch.tensor([4, 9]))",
           "jt.sqrt(jt.array([4, 9]))"),
    _value("exponential of integers", "torch.exp(torch.tensor([0, 1]))",
           "jt.exp(jt.array([0, 1]))"),
    _value("sigmoid of integers", "torch.sigmoid(torch.tensor([0, 1]))",
           "jt.sigmoid(jt.array([0, 1]))"),
    _value("floor of a large float to an integer", "torch.tensor([3e9]).long()",
           "jt.array([3e9]).long()"),
    _value("negative float to uint8", "torch.tensor([-1.0]).byte()", "jt.array([-1.0]).uint8()",
           "The value of a number outside of the dtype is not defined."),
    _value("300.0 to uint8", "torch.tensor([300.0]).byte()", "jt.array([300.0]).uint8()",
           "The value of a number outside of the dtype is not defined."),
    _value("NaN to an integer", "torch.tensor([np.nan]).int()", "jt.array([np.nan]).int()"),
    _value("2.7 to bool", "torch.tensor([2.7, 0.0, np.nan]).bool()",
           "jt.array([2.7, 0.0, np.nan]).bool()"),
    _value("0.5 to bool", "torch.tensor([0.5, -0.5]).bool()", "jt.array([0.5, -0.5]).bool()"),
    _value("float32 beyond float16", "torch.tensor([70000.0, 1e-8]).half()",
           "jt.array([70000.0, 1e-8]).float16()"),
    _value("rounding to float16", "torch.tensor([0.1, 1.0009765, 2049.0]).half()",
           "jt.array([0.1, 1.0009765, 2049.0]).float16()"),
    _value("rounding to bfloat16", "torch.tensor([0.1, 1.00390625, 1.01171875]).bfloat16()",
           "jt.array([0.1, 1.00390625, 1.01171875]).bfloat16()"),
    _value("a NaN to bfloat16", "torch.isnan(torch.tensor([np.nan]).bfloat16())",
           "jt.isnan(jt.array([np.nan]).bfloat16().float32())"),
    _value("denormal float16", "torch.tensor([6e-8]).half() * 1",
           "jt.array([6e-8]).float16() * 1"),
    *(
        _value(f"{name} of {dtype}", torch.replace("HALF", half),
               torch.replace("HALF", half).replace("torch.tensor", "jt.array")
               .replace("torch.softmax(", "jt.nn.softmax(").replace("torch.", "jt.")
               .replace(".half()", ".float16()"))
        for dtype, half in _HALF.items()
        for name, torch in (
            ("product", "torch.tensor([[1.5, 2.25], [3.0, -1.0]])HALF.reshape(4) * 1.5"),
            ("matrix product", "(torch.tensor([[1.5, 2.25], [3.0, -1.0]])HALF @ "
             "torch.tensor([[1.0, 0.5], [2.0, 4.0]])HALF).reshape(4)"),
            ("exponential", "torch.exp(torch.tensor([0.5, 2.0, -3.0])HALF)"),
            ("softmax", "torch.softmax(torch.tensor([0.5, 2.0, -3.0])HALF, 0)"),
            ("mean", "torch.tensor([0.1, 0.2, 0.4])HALF.mean().reshape(1)"),
            ("quotient", "torch.tensor([1.0, 2.0, 5.0])HALF / 3"),
        )
    ),
    rule("matmul of float16 by float32",
         "str((torch.ones(2, 2).half() @ torch.ones(2, 2)).dtype)",
         "str((jt.ones((2, 2)).float16() @ jt.ones((2, 2))).dtype)",
         note="PyTorch raises an exception."),
    rule("cat of float32 and int32", "torch.cat([torch.ones(1), torch.tensor([1])]).dtype",
         "jt.concat([jt.ones(1), jt.array([1])]).dtype"),
    rule("cat of int32 and float32", "torch.cat([torch.tensor([1]), torch.ones(1) / 2]).tolist()",
         "jt.concat([jt.array([1]), jt.ones(1) / 2]).tolist()"),
    rule("stack of float16 and float32",
         "torch.stack([torch.ones(1).half(), torch.ones(1)]).dtype",
         "jt.stack([jt.ones(1).float16(), jt.ones(1)]).dtype"),
    rule("where of an integer and a float",
         "torch.where(torch.tensor([True]), torch.tensor([1]), torch.tensor([0.5])).dtype",
         "jt.where(jt.array([True]), jt.array([1]), jt.array([0.5])).dtype"),
    rule("where of a float32 and a Python number",
         "torch.where(torch.tensor([True]), torch.tensor([1.0]), 0).dtype",
         "jt.where(jt.array([True]), jt.array([1.0]), 0).dtype"),
    rule("maximum of an integer and a float",
         "torch.maximum(torch.tensor([1]), torch.tensor([1.5])).tolist()",
         "jt.maximum(jt.array([1]), jt.array([1.5])).tolist()"),
    rule("comparison of an integer and a float",
         "(torch.tensor([1]) < torch.tensor([1.5])).tolist()",
         "(jt.array([1]) < jt.array([1.5])).tolist()"),
    rule("clamp of integers by floats", "torch.clamp(torch.tensor([1, 5]), 1.5, 3.5).tolist()",
         "jt.clamp(jt.array([1, 5]), 1.5, 3.5).tolist()"),
    rule("linear of a float32 input with a float16 weight",
         "str(F.linear(torch.ones(1, 2), torch.ones(2, 2).half()).dtype)",
         "str(jt.nn.linear(jt.ones((1, 2)), jt.ones((2, 2)).float16()).dtype)",
         note="PyTorch raises an exception."),
    rule("masked_fill of integers by a float",
         "torch.tensor([1, 2]).masked_fill(torch.tensor([True, False]), 0.5).tolist()",
         "jt.array([1, 2]).masked_fill(jt.array([True, False]), 0.5).tolist()",
         note="PyTorch keeps the integers, Jittor makes floats of them."),
    rule("type_as", "torch.tensor([1]).type_as(torch.ones(1)).dtype",
         "jt.array([1]).type_as(jt.ones(1)).dtype"),
    rule("to(dtype)", "torch.ones(1).to(torch.float16).dtype",
         "jt.ones(1).to(jt.float16).dtype"),
    rule("type by name", "torch.ones(1).type(torch.float64).dtype",
         workaround="jt.ones(1).cast('float64').dtype", note="Jittor's tensors have no `type`."),
    rule("dtype compared with the framework's", "torch.ones(1).dtype == torch.float32"),
    rule("finfo", "torch.finfo(torch.float16).max",
         "float(jt.finfo('float16').max)"),
    rule("iinfo", "torch.iinfo(torch.int8).max", "int(jt.iinfo('int8').max)"),
    rule("default dtype of rand", "torch.rand(1).dtype"),
    rule("default dtype of randint", "torch.randint(0, 2, (1,)).dtype",
         note="Jittor's default integers have 32 bits."),
    rule("set_default_dtype", "torch.set_default_dtype(torch.float32)",
         workaround="None", note="Jittor has no `set_default_dtype`."),
    rule("autocast", "with torch.autocast('cpu', torch.bfloat16):\n"
         "    y = torch.ones(2, 2) @ torch.ones(2, 2)\ny.dtype",
         note="Jittor's mixed precision is a flag, `jt.flags.amp_level`."),
    rule("GradScaler", "torch.amp.GradScaler('cpu').get_scale()",
         note="Jittor has no `GradScaler`."),
    _value("half precision and back", "torch.tensor([0.946, -0.471]).half().float()",
           "jt.array([0.946, -0.471]).float16().float32()"),
    _value("bfloat16 and back", "torch.tensor([0.946, -0.019]).bfloat16().float()",
           "jt.array([0.946, -0.019]).bfloat16().float32()", _TRUNCATED),
    rule("gradient through float16",
         "x = torch.tensor([0.946], requires_grad=True)\n"
         "torch.autograd.grad((x.half() * 2).float().sum(), x)[0].tolist()",
         "x = jt.array([0.946])\njt.grad((x.float16() * 2).float32().sum(), x).tolist()"),
    numeric("gradient through a cast to integers", "x.int().to(x.dtype) * y",
            "x.int().cast(x.dtype) * y", x=real(3, 4), y=weight(3, 4)),
)  # fmt: skip
