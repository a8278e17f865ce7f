"""Activations as layers, with their options, and those that Jittor lacks."""

from parity.atlas.entry import Entry, numeric, real, sample

_CASES = ("ordinary", "zeros", "saturated below", "saturated above", "nan")
_X = {"x": real(3, 4)}
_ABSENT = "Jittor has no `{}`."


def _function(
    name: str, call: str, workaround: str = "", note: str = "", jittor: str = ""
) -> Entry:
    return numeric(name, call, jittor, cases=_CASES, workaround=workaround, note=note, inputs=_X)


def _lacking(name: str, call: str, workaround: str, note: str = "") -> Entry:
    absent = _ABSENT.format(name)
    return _function(name, call, workaround, f"{absent} {note}".strip())


_SELU = (
    "a, s = 1.6732632423543772, 1.0507009873554805\n"
    "s * jt.ternary(x > 0, x, a * (jt.exp(jt.ternary(x > 0, jt.zeros_like(x), x)) - 1))"
)
_CLAMPED = "The argument of `sigmoid` is clamped to at least -30 in float32."
_LOG_EXP = (
    "Computed as log(1 + exp(beta x)) / beta, without log1p; above the threshold it is larger than "
    "x by log(1 + exp(-threshold)) / beta, by default 2e-9."
)
_MISH = "x * jt.tanh(jt.nn.softplus(x))"
_NEGATIVE = "jt.ternary(x > 0, jt.zeros_like(x), x)"
ENTRIES = (
    _function("Mish layer", "torch.nn.Mish()(x)", _MISH,
              "The layer calls `jt.softplus`, which does not exist; the function `jt.nn.mish` "
              "is there."),
    *(
        _function(f"{layer} layer", f"torch.nn.{layer}()(x)", note=note)
        for layer, note in {
            "ReLU": "NaN becomes 0.",
            "ReLU6": "PyTorch's own gradient at NaN is 0 or 1, depending on the size and the dtype "
            "of the tensor; Jittor's is 1.",
            "SiLU": _CLAMPED, "Sigmoid": _CLAMPED,
            "GELU": "", "Tanh": "", "Identity": "", "Softplus": _LOG_EXP,
        }.items()
    ),
    _function("LeakyReLU layer, slope", "torch.nn.LeakyReLU(0.2)(x)"),
    _function("LeakyReLU layer, negative_slope", "torch.nn.LeakyReLU(negative_slope=0.2)(x)",
              "jt.nn.LeakyReLU(0.2)(x)", "The argument is named `scale`."),
    _function("leaky_relu, negative_slope", "F.leaky_relu(x, negative_slope=0.2)",
              "jt.nn.leaky_relu(x, 0.2)", "The argument is named `scale`."),
    _function("ReLU layer, in place", "torch.nn.ReLU(inplace=True)(x)", "jt.nn.ReLU()(x)",
              "Jittor's activations have no argument `inplace`.",
              jittor="jt.nn.ReLU(inplace=True)(x)"),
    _function("SiLU layer, in place", "torch.nn.SiLU(inplace=True)(x * 1)", "jt.nn.SiLU()(x)",
              "Jittor's activations have no argument `inplace`."),
    _function("ELU layer, alpha", "torch.nn.ELU(alpha=0.5)(x)",
              f"jt.ternary(x > 0, x, 0.5 * (jt.exp({_NEGATIVE}) - 1))",
              "exp(x) is computed for positive numbers too; where it overflows, the gradient is "
              "NaN."),
    _function("Softplus layer, beta", "torch.nn.Softplus(beta=2.0)(x)", note=_LOG_EXP),
    _function("Softplus layer, threshold", "torch.nn.Softplus(1.0, 5.0)(x)", note=_LOG_EXP),
    _function("hardtanh with limits", "F.hardtanh(x, -0.5, 0.25)",
              note="PyTorch's own gradient at NaN is 0 or 1, depending on the size and the dtype "
              "of the tensor; Jittor's is 1."),
    _function("Hardtanh layer", "torch.nn.Hardtanh()(x)", "jt.nn.hardtanh(x)",
              _ABSENT.format("Hardtanh")),
    _function("Softmax layer", "torch.nn.Softmax(dim=1)(x)"),
    _function("LogSoftmax layer", "torch.nn.LogSoftmax(dim=1)(x)",
              "jt.nn.log_softmax(x, dim=1)", _ABSENT.format("LogSoftmax")),
    _function("LogSigmoid layer", "torch.nn.LogSigmoid()(x)",
              "jt.minimum(x, 0) - jt.log(1 + jt.exp(-jt.abs(x)))",
              _ABSENT.format("LogSigmoid")),
    _function("gelu, tanh approximation", "F.gelu(x, approximate='tanh')",
              "0.5 * x * (1 + jt.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x * x * x)))",
              "Jittor computes the exact form only."),
    _function("softmax over the last dimension", "torch.softmax(x, -1)", jittor="x.softmax(-1)"),
    _function("softmax over dimension 0", "F.softmax(x, dim=0)"),
    _function("log_softmax over dimension 0", "F.log_softmax(x, dim=0)"),
    numeric("softmax of three dimensions", "F.softmax(x, dim=1)", cases=_CASES, x=real(2, 3, 4)),
    _function("softmax method", "x.softmax(dim=1)"),
    _function("softmax to a dtype", "F.softmax(x, dim=1, dtype=x.dtype)",
              "jt.nn.softmax(x.cast(x.dtype), dim=1)",
              "Jittor's `softmax` has no argument `dtype`."),
    numeric("softmax of minus infinities", "F.softmax(x.masked_fill(x > 9, -np.inf), dim=1)",
            cases=("ordinary", "saturated above"), note="A row of minus infinities alone is NaN "
            "in both.", inputs=_X),
    _lacking("hardswish", "F.hardswish(x)", "x * jt.clamp(x + 3, 0, 6) / 6"),
    _lacking("hardsigmoid", "F.hardsigmoid(x)", "jt.clamp(x + 3, 0, 6) / 6",
             "PyTorch's gradient in float64 is a float32 constant, 1/6."),
    _lacking("Hardswish", "torch.nn.Hardswish()(x)", "x * jt.clamp(x + 3, 0, 6) / 6"),
    _lacking("glu", "F.glu(x, dim=1)", "x[:, :2] / (jt.exp(-jt.maximum(x[:, 2:], -80)) + 1)"),
    _lacking("selu", "F.selu(x)", _SELU),
    _lacking("celu", "F.celu(x, 2.0)",
             f"jt.ternary(x > 0, x, 2.0 * (jt.exp({_NEGATIVE} / 2.0) - 1))"),
    _lacking("softsign", "F.softsign(x)", "x / (1 + jt.abs(x))"),
    _lacking("tanhshrink", "F.tanhshrink(x)", "x - jt.tanh(x)"),
    _lacking("softshrink", "F.softshrink(x, 0.5)", "x - jt.clamp(x, -0.5, 0.5)"),
    _lacking("hardshrink", "F.hardshrink(x, 0.5)",
             "jt.ternary(jt.abs(x) <= 0.5, jt.zeros_like(x), x)"),
    _lacking("threshold", "F.threshold(x, 0.1, 20.0)", "jt.ternary(x <= 0.1, 20.0, x)"),
    _lacking("softmin", "F.softmin(x, dim=1)", "jt.nn.softmax(-x, dim=1)"),
    _lacking("sigmoid", "F.sigmoid(x)", "1 / (jt.exp(-jt.maximum(x, -80)) + 1)",
             "It is `jt.sigmoid`, whose argument is clamped to at least -30 in float32."),
    _lacking("tanh", "F.tanh(x)", "jt.tanh(x)", "It is `jt.tanh`."),
    _lacking("rrelu", "F.rrelu(x, 0.25, 0.25)", "jt.nn.leaky_relu(x, 0.25)",
             "In evaluation it is a leaky relu with the mean slope."),
    numeric("PReLU of one parameter", "torch.nn.PReLU()(x)", cases=_CASES, inputs=_X,
            note='Computed as max(0, x) + w min(0, x): NaN becomes 0, and the gradient at 0 is 1 '
            '+ w, where PyTorch has w.'),
    numeric("PReLU of channels, three dimensions", "torch.nn.PReLU(4)(x)", x=real(2, 4, 3),
            note='With a parameter for each channel Jittor accepts four dimensions only.',
            workaround='w = jt.full((4, 1), 0.25).cast(x.dtype)\n'
            'jt.ternary(x > 0, x, w * x)'),
    numeric("PReLU of channels, five dimensions", "torch.nn.PReLU(4)(x)",
            x=real(2, 4, 1, 2, 3),
                    note='With a parameter for each channel Jittor accepts four dimensions only.',
            workaround='w = jt.full((4, 1, 1, 1), 0.25).cast(x.dtype)\n'
            'jt.ternary(x > 0, x, w * x)'),
    numeric("PReLU with init", "torch.nn.PReLU(init=0.1)(x)", "jt.nn.PReLU(init=0.1)(x)",
            workaround="jt.nn.PReLU(init_=0.1)(x)", note="The argument is named `init_`.",
            cases=("ordinary",), inputs=_X),
    numeric("softmax of integers", "torch.softmax(torch.tensor([[1, 2, 3]]).float() + 0 * x, 1)",
            "jt.nn.softmax(jt.array([[1, 2, 3]]), dim=1).cast(x.dtype) + 0 * x",
            workaround="jt.nn.softmax(jt.array([[1, 2, 3]]).cast(x.dtype), dim=1) + 0 * x",
            note="Jittor casts the probabilities back to the dtype of the input: integers give 0. "
            "PyTorch refuses integers.", x=real(1, 3)),
    sample("gumbel_softmax", "F.gumbel_softmax(torch.zeros(10000, 2))",
           workaround="g = -jt.log(-jt.log(jt.clamp(jt.rand(10000, 2), 1e-20, 1.0)))\n"
           "jt.nn.softmax(g, dim=1)", note=_ABSENT.format("gumbel_softmax")),
    sample("gumbel_softmax, hard", "F.gumbel_softmax(torch.zeros(10000, 2), hard=True)",
           workaround="g = -jt.log(-jt.log(jt.clamp(jt.rand(10000, 2), 1e-20, 1.0)))\n"
           "jt.nn.one_hot(g.argmax(1)[0], 2).float()", note=_ABSENT.format("gumbel_softmax")),
    sample("rrelu in training", "F.rrelu(-torch.ones(20000), 0.1, 0.3, True)",
           workaround="-(0.1 + 0.2 * jt.rand(20000))", note=_ABSENT.format("rrelu")),
)  # fmt: skip
