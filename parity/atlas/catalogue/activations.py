"""Activations and other element-wise functions, and softmax."""

from parity.atlas.entry import Entry, positive, real, unit, weight

# Of two inputs, a case that cuts one does not fit the other.
_NOT_EMPTY = (
    "ordinary", "zeros", "constant", "large offset", "large magnitude", "tiny magnitude", "ties",
    "infinity", "nan",
)  # fmt: skip


def _pointwise(name: str, torch: str, jittor: str, workaround: str = "", note: str = "") -> Entry:
    return Entry(
        name=name, torch=torch, jittor=jittor, inputs={"x": real(3, 4)}, workaround=workaround,
        note=note,
    )  # fmt: skip


def _same(name: str, domain: str = "real", note: str = "") -> Entry:
    spec = {"real": real, "positive": positive, "unit": unit}[domain](3, 4)
    return Entry(
        name=name, torch=f"torch.{name}(x)", jittor=f"jt.{name}(x)", inputs={"x": spec}, note=note,
    )  # fmt: skip


_TIES = "PyTorch gives each argument half of the gradient, Jittor all of it to the second."
ENTRIES = (
    _pointwise("relu", "F.relu(x)", "jt.nn.relu(x)", note="NaN becomes 0."),
    _pointwise("leaky_relu", "F.leaky_relu(x, 0.2)", "jt.nn.leaky_relu(x, 0.2)"),
    _pointwise(
        "relu6",
        "F.relu6(x)",
        "jt.nn.relu6(x)",
        note=(
            "PyTorch's own gradient at NaN is 0 or 1, depending on the size and the dtype "
            "of the tensor; Jittor's is 1."
        ),
    ),
    _pointwise(
        "elu",
        "F.elu(x, 0.5)",
        "jt.nn.elu(x, 0.5)",
        "jt.ternary(x > 0, x, 0.5 * (jt.exp(jt.ternary(x > 0, jt.zeros_like(x), x)) - 1))",
        "exp(x) is computed for positive numbers too; where it overflows, the gradient is NaN.",
    ),
    _pointwise(
        "silu",
        "F.silu(x)",
        "jt.nn.silu(x)",
        "x / (jt.exp(-jt.maximum(x, -80)) + 1)",
        "`sigmoid` clamps its argument to at least -30 in float32, so the tail does not decay to "
        "0.",
    ),
    _pointwise(
        "sigmoid",
        "torch.sigmoid(x)",
        "jt.sigmoid(x)",
        "1 / (jt.exp(-jt.maximum(x, -80)) + 1)",
        "The argument is clamped to at least -30 in float32.",
    ),
    _pointwise(
        "log_sigmoid",
        "F.logsigmoid(x)",
        "jt.nn.log_sigmoid(x)",
        "jt.minimum(x, 0) - jt.log(1 + jt.exp(-jt.abs(x)))",
        "The logarithm of a sigmoid whose argument is clamped to at least -30.",
    ),
    _pointwise(
        "softplus",
        "F.softplus(x)",
        "jt.nn.softplus(x)",
        note="Computed as log(1 + exp(x)), without log1p; above the threshold it is 2e-9 too "
        "large.",
    ),
    _pointwise(
        "gelu",
        "F.gelu(x)",
        "jt.nn.gelu(x)",
        note="Both compute the exact form; Jittor has no argument `approximate`.",
    ),
    _pointwise(
        "mish", "F.mish(x)", "jt.nn.mish(x)", note="Computed with log(1 + exp(x)), without log1p."
    ),
    _pointwise(
        "hardtanh",
        "F.hardtanh(x)",
        "jt.nn.hardtanh(x)",
        note=(
            "PyTorch's own gradient at NaN is 0 or 1, depending on the size and the dtype "
            "of the tensor; Jittor's is 1."
        ),
    ),
    _pointwise(
        "sign",
        "torch.sign(x)",
        "jt.nn.sign(x)",
        note=(
            "NaN stays NaN, where PyTorch gives 0; and the gradient is 1 at 0, which is "
            "passed through."
        ),
    ),
    _pointwise(
        "ELU module",
        "torch.nn.ELU()(x)",
        "jt.nn.ELU()(x)",
        note=(
            "exp(x) is computed for positive numbers too; where it overflows, the gradient is NaN."
        ),
    ),
    _pointwise("LeakyReLU module", "torch.nn.LeakyReLU()(x)", "jt.nn.LeakyReLU()(x)"),
    Entry(
        name="PReLU",
        torch="torch.nn.PReLU(4)(x)",
        jittor="jt.nn.PReLU(4)(x)",
        inputs={"x": real(2, 4, 3, 2)},
        note=(
            "Computed as max(0, x) + w min(0, x): NaN becomes 0, and the gradient at 0 is 1 "
            "+ w, where PyTorch has w."
        ),
    ),
    Entry(
        name="PReLU, two dimensions",
        torch="torch.nn.PReLU(4)(x)",
        jittor="jt.nn.PReLU(4)(x)",
        inputs={"x": real(3, 4)},
        cases=("ordinary",),
    ),
    _pointwise("softmax", "torch.softmax(x, 1)", "jt.nn.softmax(x, dim=1)"),
    _pointwise("log_softmax", "F.log_softmax(x, 1)", "jt.nn.log_softmax(x, dim=1)"),
    Entry(
        name="softmax without dim",
        torch="F.softmax(x, dim=None)",
        jittor="jt.nn.softmax(x)",
        inputs={"x": real(3, 4)},
        cases=("ordinary",),
        workaround="jt.nn.softmax(x, dim=1)",
        note="Jittor normalises over all elements, PyTorch over a dimension that it infers.",
    ),
    _same("exp"),
    _same("sin"),
    _same("cos"),
    _same("tanh"),
    _same("atan"),
    _same("erf"),
    _same("abs", note="The gradient is 1 at 0 and -1 at NaN; PyTorch has 0 at both."),
    _same("floor"),
    _same("ceil"),
    _same("round", note="Halves differ: see `round half` under `dtypes`."),
    _same("sinh"),
    _same("cosh"),
    _same("log", "positive"),
    _same("sqrt", "positive"),
    _same("rsqrt", "positive"),
    _same("log2", "positive"),
    _same("expm1", note="Computed as exp(x) - 1, which loses the digits of small numbers."),
    _same("asin", "unit"),
    _same("acos", "unit"),
    _same("erfinv", "unit"),
    _pointwise("asinh", "torch.asinh(x)", "jt.asinh(x)"),
    Entry(
        name="atan2",
        note="The constant pi has float32 precision, and atan2(-0, y) of a negative y is pi "
        "instead of -pi.",
        torch="torch.atan2(x, y)",
        jittor="jt.arctan2(x, y)",
        inputs={"x": real(3, 4), "y": weight(3, 4)},
        cases=_NOT_EMPTY,
    ),
    Entry(
        name="pow of a negative base",
        torch="x ** 3",
        jittor="x ** 3",
        inputs={"x": real(3, 4)},
    ),
    Entry(
        name="pow of a tensor",
        torch="x ** y",
        jittor="x ** y",
        inputs={"x": positive(3, 4), "y": weight(3, 4)},
        note=(
            "The gradient with respect to the exponent contains log(x): for a base of 0 it is NaN."
        ),
        cases=_NOT_EMPTY,
    ),
    Entry(
        name="remainder",
        torch="x % 0.75",
        jittor="x % 0.75",
        inputs={"x": real(3, 4)},
        note="The result has the sign of the divisor in both.",
    ),
    Entry(
        name="floor division",
        note="Jittor converts floats to integers first: a divisor below 1 becomes 0. The "
        "workaround is 1 "
        "off where the rounded quotient is an integer and the exact one is not: 1.0 // 0.1 is 9 in "
        "PyTorch.",
        workaround="jt.floor(x / 0.75)",
        torch="x // 0.75",
        jittor="x // 0.75",
        inputs={"x": real(3, 4)},
        gradient=False,
        cases=("ordinary", "zeros", "large offset"),
    ),
    Entry(
        name="clamp",
        torch="torch.clamp(x, -0.5, 0.5)",
        jittor="jt.clamp(x, -0.5, 0.5)",
        inputs={"x": real(3, 4)},
        note="The gradient at NaN is 1 in Jittor and 0 in PyTorch.",
    ),
    Entry(
        name="clamp, at its limits",
        torch="torch.clamp(x, -1.0, 1.0)",
        jittor="jt.clamp(x, -1.0, 1.0)",
        inputs={"x": real(3, 4)},
        cases=("ties",),
        note=("An element that equals a limit has no gradient in Jittor and all of it in PyTorch."),
    ),
    Entry(
        name="maximum",
        torch="torch.maximum(x, y)",
        jittor="jt.maximum(x, y)",
        inputs={"x": real(3, 4), "y": weight(3, 4)},
        note=(
            "Where one of the two is NaN, the result may be the other: a comparison with "
            "NaN is false, and then the second is taken; the gradient goes to that one "
            "alone."
        ),
        cases=_NOT_EMPTY,
    ),
    Entry(
        name="maximum of equal numbers",
        torch="torch.maximum(x, y)",
        jittor="jt.maximum(x, y)",
        inputs={"x": real(3, 4), "y": real(3, 4)},
        cases=("zeros",),
        note=_TIES,
    ),
    Entry(
        name="minimum of equal numbers",
        torch="torch.minimum(x, y)",
        jittor="jt.minimum(x, y)",
        inputs={"x": real(3, 4), "y": real(3, 4)},
        cases=("zeros",),
        note=_TIES,
    ),
    Entry(
        name="where",
        torch="torch.where(x > 0, x, y)",
        jittor="jt.where(x > 0, x, y)",
        inputs={"x": real(3, 4), "y": weight(3, 4)},
        cases=_NOT_EMPTY,
    ),
)
