"""Element-wise functions under PyTorch's names, and those that Jittor lacks."""

from parity.atlas.entry import Entry, index, numeric, positive, real, rule, unit, weight

_CASES = ("ordinary", "zeros", "large magnitude", "tiny magnitude", "ties", "infinity", "nan")
_X = {"x": real(3, 4)}
_PAIR = {"x": real(3, 4), "y": weight(3, 4)}
_TRUNC = "jt.ternary(x < 0, jt.ceil(x), jt.floor(x))"


def _lacking(
    name: str, torch: str, workaround: str = "", note: str = "", *, gradient: bool = True,
    domain: str = "real", pair: bool = False,
) -> Entry:  # fmt: skip
    spec = {"real": real, "positive": positive, "unit": unit}[domain]
    inputs = {"x": spec(3, 4), **({"y": weight(3, 4)} if pair else {})}
    cases = _CASES if domain == "real" else ("ordinary", "zeros", "nan")
    return numeric(
        name, torch, cases=cases, gradient=gradient, workaround=workaround,
        note=f"Jittor has no `{name}`. {note}".strip(), inputs=inputs,
    )  # fmt: skip


def _same(name: str, torch: str, jittor: str = "", note: str = "", workaround: str = "") -> Entry:
    return numeric(name, torch, jittor, cases=_CASES, note=note, workaround=workaround, inputs=_X)


def _logical(name: str, operands: str = "x > 0, y > 0") -> Entry:
    return numeric(
        name,
        f"torch.{name}({operands})",
        cases=("ordinary", "nan"),
        gradient=False,
        inputs=_PAIR if "y" in operands else _X,
    )


def _bitwise(name: str, operands: str = "i, j") -> Entry:
    inputs = {"i": index(6, below=9), "j": index(6, below=7)}
    return numeric(
        name, f"torch.{name}({operands})", gradient=False,
        inputs={name: inputs[name] for name in operands.split(", ")},
    )  # fmt: skip


_FINITE = "jt.ternary(jt.isnan(x), jt.zeros_like(x), x)"
ENTRIES = (
    _lacking("square", "torch.square(x)", "x.sqr()"),
    _lacking("reciprocal", "torch.reciprocal(x)", "1 / x", domain="positive"),
    _lacking("trunc", "torch.trunc(x)", _TRUNC),
    _lacking("frac", "torch.frac(x)", f"x - ({_TRUNC}).detach()"),
    _lacking("fmod", "torch.fmod(x, 0.75)",
             "q = x / 0.75\nx - 0.75 * jt.ternary(q < 0, jt.ceil(q), jt.floor(q))", gradient=False),
    _lacking("log1p", "torch.log1p(x)", "jt.log(1 + x)", "The workaround loses the digits of "
             "small numbers.", domain="positive"),
    _lacking("log10", "torch.log10(x)", "jt.log(x) / np.log(10)", domain="positive"),
    _lacking("exp2", "torch.exp2(x)", "jt.exp(x * np.log(2))"),
    _lacking("clip", "torch.clip(x, -0.5, 0.5)", "jt.clamp(x, -0.5, 0.5)"),
    _lacking("nan_to_num", "torch.nan_to_num(x, 0.0, 9.0, -9.0)",
             f"y = {_FINITE}\njt.ternary(y > 1e30, 9.0, jt.ternary(y < -1e30, -9.0, y))"),
    _lacking("logit", "torch.logit(x)", "jt.log(x) - jt.log(1 - x)", domain="unit"),
    _lacking("sinc", "torch.sinc(x)",
             "y = np.pi * jt.ternary(x == 0, 1.0, x)\njt.ternary(x == 0, 1.0, jt.sin(y) / y)"),
    _lacking("erfc", "torch.erfc(x)", "1 - jt.erf(x)"),
    _lacking("sgn", "torch.sgn(x)", "(x > 0).cast(x.dtype) - (x < 0).cast(x.dtype)",
             gradient=False),
    _lacking("sign", "torch.sign(x)", "(x > 0).cast(x.dtype) - (x < 0).cast(x.dtype)",
             "It is `jt.nn.sign`, which differs at 0 and NaN."),
    _lacking("signbit", "torch.signbit(x)", "x < 0", "The workaround does not see the sign of -0.",
             gradient=False),
    _lacking("neg", "torch.neg(x)", "-x"),
    _lacking("heaviside", "torch.heaviside(x, y)",
             "jt.ternary(x == 0, y, (x > 0).cast(x.dtype))", gradient=False, pair=True),
    _lacking("copysign", "torch.copysign(x, y)", "jt.abs(x) * jt.ternary(y < 0, -1.0, 1.0)",
             gradient=False, pair=True),
    _lacking("logaddexp", "torch.logaddexp(x, y)",
             "jt.maximum(x, y) + jt.log(1 + jt.exp(-jt.abs(x - y)))", pair=True),
    _lacking("xlogy", "torch.xlogy(y, x)", "y * jt.log(x)", domain="positive", pair=True),
    _lacking("lerp", "torch.lerp(x, y, 0.25)", "x + 0.25 * (y - x)", pair=True),
    _lacking("addcmul", "torch.addcmul(x, x, y, value=0.5)", "x + 0.5 * x * y", pair=True),
    _lacking("addcdiv", "torch.addcdiv(x, x, y, value=0.5)", "x + 0.5 * x / y", pair=True),
    _lacking("fmax", "torch.fmax(x, y)", "jt.ternary(jt.isnan(x), y, jt.maximum(y, x))",
             pair=True),
    _lacking("rsub", "torch.rsub(x, 2.0)", "2.0 - x"),
    _lacking("true_divide", "torch.true_divide(x, y)", "x / y", pair=True),
    _lacking("float_power", "torch.float_power(x, 2).to(x.dtype)", "x.sqr()"),
    _lacking("remainder", "torch.remainder(x, 0.75)", "jt.mod(x, 0.75)"),
    _lacking("isclose", "torch.isclose(x, y, rtol=0.5)",
             "jt.abs(x - y) <= 1e-8 + 0.5 * jt.abs(y)", gradient=False, pair=True),
    _lacking("isreal", "torch.isreal(x)", "jt.ones_like(x).bool()", gradient=False),
    rule("allclose", "torch.allclose(torch.ones(2), torch.ones(2) + 1e-9)",
         workaround="np.allclose(jt.ones(2).numpy(), (jt.ones(2) + 1e-9).numpy())",
         note="Jittor has no `allclose`."),
    rule("equal", "torch.equal(torch.ones(2), torch.ones(2))",
         workaround="jt.all_equal(jt.ones(2), jt.ones(2))",
         note="`jt.equal` compares element by element."),
    rule("remainder near a multiple", "torch.remainder(torch.tensor([1.0]), 0.1).item() > 0.09",
         "(jt.array([1.0]) % 0.1).item() > 0.09",
         note="Jittor computes x - floor(x / y) y: where x is nearly a multiple of y, the quotient "
         "rounds to a whole number and the remainder becomes tiny and negative."),
    rule("floor division near a multiple", "(torch.tensor([6.0]) // 0.3).item()",
         "jt.floor(jt.array([6.0]) / 0.3).item()",
         note="floor(x / y) is 1 off where the quotient rounds to a whole number. Jittor's own "
         "`//` converts to integers first, and a divisor below 1 ends the process."),
    _same("tan", "torch.tan(x)"),
    _same("atanh", "torch.atanh(x / 4)"),
    numeric("acosh", "torch.acosh(1 + x)", x=positive(3, 4)),
    _same("rad2deg", "torch.rad2deg(x)"),
    _same("deg2rad", "torch.deg2rad(x)"),
    _same("isinf", "torch.isinf(x)"),
    _same("isposinf", "torch.isposinf(x)"),
    _same("isneginf", "torch.isneginf(x)"),
    _same("add with alpha", "torch.add(x, x, alpha=2)", workaround="x + 2 * x",
          note="Jittor's `add` has no argument `alpha`."),
    _same("pow 2", "x ** 2"),
    _same("pow 0", "x ** 0", note="The gradient is 0 times x to the power of -1: NaN at 0."),
    _same("pow 0.5 of a square", "(x * x) ** 0.5"),
    _same("pow -1", "x ** -1"),
    _same("a number to the power of a tensor", "2 ** x"),
    _same("division by a number", "x / 3"),
    _same("a number divided by a tensor", "1 / x"),
    _same("clamp from below", "torch.clamp(x, min=0.1)", workaround="jt.clamp(x, min_v=0.1)",
          note="The arguments are named `min_v` and `max_v`."),
    _same("clamp from above", "torch.clamp(x, max=0.1)", workaround="jt.clamp(x, max_v=0.1)",
          note="The arguments are named `min_v` and `max_v`."),
    numeric("lgamma", "torch.lgamma(x)", gradient=False, x=positive(3, 4),
            cases=("ordinary", "large magnitude"), workaround="jt.lgamma.apply(x)",
            note="`jt.lgamma` is a class of functions."),
    numeric("gradient of lgamma", "torch.lgamma(x)", "jt.lgamma.apply(x)", x=positive(3, 4),
            note="Jittor's function has no gradient."),
    numeric("digamma", "torch.digamma(x)", "jt.digamma.apply(x)", x=positive(3, 4),
            note="Jittor computes it in float32, whatever the dtype of the input."),
    numeric("hypot", "torch.hypot(x, y)", cases=("ordinary", "zeros", "large magnitude"),
            inputs=_PAIR),
    numeric("hypot of huge numbers", "torch.hypot(x * 1e30, y * 1e30)", inputs=_PAIR,
            workaround="m = (jt.maximum(jt.abs(x), jt.abs(y)) * 1e30).detach()\n"
            "m * jt.sqrt((x * 1e30 / m).sqr() + (y * 1e30 / m).sqr())",
            note="Jittor squares the numbers, which overflows."),
    numeric("remainder of a tensor", "x % y", cases=("ordinary", "large magnitude"),
            note="The gradient with respect to the divisor is -floor(x / y) without the gradient "
            "that arrives from above.", inputs=_PAIR),
    numeric("gradient of x % y, as x - floor(x / y) y", "torch.remainder(x, y)",
            "x - jt.floor(x / y).detach() * y",
            note="The gradients are right so.", inputs=_PAIR),
    numeric("minimum", "torch.minimum(x, y)", cases=("ordinary", "infinity", "nan"), inputs=_PAIR,
            note="Where one of the two is NaN, the gradient goes to the other."),
    numeric("where, receiver as condition", "torch.where(x > 0, x, y)", "(x > 0).where(x, y)",
            cases=("ordinary", "nan"), note="The method of Jittor is called on the condition.",
            inputs=_PAIR),
    numeric("where, receiver as value", "x.where(x > 0, y)", cases=("ordinary", "nan"),
            inputs=_PAIR,
            workaround="jt.where(x > 0, x, y)",
            note="PyTorch's method is called on the first value, Jittor's on the condition."),
    numeric("where with a number", "torch.where(x > 0, x, 0.0)", cases=("ordinary", "nan"),
            inputs=_X),
    numeric("where with two numbers", "torch.where(x > 0, 1.0, 0.0)", gradient=False, inputs=_X,
            workaround="(x > 0).cast(x.dtype)", note="Python numbers are float32 in Jittor, in a "
            "float64 graph too."),
    numeric("where with a condition alone", "torch.where(x > 0)", gradient=False, inputs=_X),
    _logical("logical_and"),
    _logical("logical_or"),
    _logical("logical_xor"),
    _logical("logical_not", "x > 0"),
    numeric("logical_not of numbers", "torch.logical_not(torch.round(x))",
            cases=("ordinary", "zeros"), gradient=False, inputs=_X),
    numeric("logical_and of numbers", "torch.logical_and(x, y)",
            cases=("ordinary", "zeros"), gradient=False, inputs=_PAIR),
    _bitwise("bitwise_and"),
    _bitwise("bitwise_or"),
    _bitwise("bitwise_xor"),
    _bitwise("bitwise_not", "i"),
    numeric("bitwise_left_shift", "torch.bitwise_left_shift(i, j)", gradient=False,
            workaround="i << j", note="Named `left_shift` in Jittor.",
            i=index(6, below=9), j=index(6, below=7)),
    numeric("shift by an operator", "(i << 2) + (i >> 1)", gradient=False, i=index(6, below=9)),
    numeric("invert a mask", "~(x > 0)", gradient=False, inputs=_X,
            workaround="jt.logical_not(x > 0)", note="Jittor's tensors have no operator `~`."),
    numeric("mask and mask", "(x > 0) & (x < 1)", gradient=False, inputs=_X),
)  # fmt: skip
