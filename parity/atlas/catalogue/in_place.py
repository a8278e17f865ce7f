"""Forms that change their tensor, and what shares its memory."""

from parity.atlas.entry import Entry, numeric, real, rule, weight

_X = {"x": real(3, 4)}
_COPY = "y = x.clone()\n{}\ny"


def _changed(
    name: str, torch: str, jittor: str = "", workaround: str = "", note: str = "", *,
    gradient: bool = True,
) -> Entry:  # fmt: skip
    return numeric(
        name, _COPY.format(torch), _COPY.format(jittor) if jittor else "",
                cases=("ordinary", "nan"),
        gradient=gradient, workaround=workaround and _COPY.format(workaround), note=note, inputs=_X,
    )  # fmt: skip


def _lacking(name: str, call: str, workaround: str) -> Entry:
    return _changed(f"{name}", f"y.{call}", "", f"y.assign({workaround})",
                    f"Jittor has no `{name}`.")  # fmt: skip


_RULE = "x = torch.ones(2)\n{}\nx.tolist()"


def _rule(name: str, torch: str, jittor: str = "", workaround: str = "", note: str = "") -> Entry:
    return rule(
        name, _RULE.format(torch), _RULE.replace("torch", "jt").format(jittor) if jittor else "",
        workaround=workaround and _RULE.replace("torch", "jt").format(workaround), note=note,
    )  # fmt: skip


_AT_NAN = {
    "clamp_": "The gradient at NaN is 1 in Jittor and 0 in PyTorch.",
    "abs_": "The gradient at NaN is -1 in Jittor and 0 in PyTorch.",
}
ENTRIES = (
    *(
        _changed(name, f"y.{name}({argument})", note=_AT_NAN.get(name, ""))
        for name, argument in (
            ("add_", "2.0"), ("sub_", "2.0"), ("mul_", "2.0"), ("clamp_", "-0.5, 0.5"),
            ("abs_", ""), ("sigmoid_", ""), ("fill_", "3.0"), ("zero_", ""), ("erf_", ""),
            ("pow_", "2"), ("multiply_", "2.0"), ("squeeze_", ""), ("unsqueeze_", "0"),
            ("transpose_", "0, 1"),
        )
    ),
    *(
        _lacking(name, call, other)
        for name, call, other in (
            ("div_", "div_(2.0)", "y / 2.0"), ("exp_", "exp_()", "jt.exp(y)"),
            ("relu_", "relu_()", "jt.ternary(y > 0, y, jt.ternary(y <= 0, 0.0, y))"),
            ("tanh_", "tanh_()", "jt.tanh(y)"), ("neg_", "neg_()", "-y"),
            ("sin_", "sin_()", "jt.sin(y)"), ("copy_", "copy_(x * 2)", "x * 2"),
            ("lerp_", "lerp_(x * 2, 0.5)", "y + 0.5 * (x * 2 - y)"),
            ("addcmul_", "addcmul_(x, x, value=0.5)", "y + 0.5 * x * x"),
            ("clamp_min_", "clamp_min_(0.1)", "jt.ternary(y < 0.1, 0.1, y)"),
        )
    ),
    _changed("copy_, without a gradient", "y.data.copy_(x * 2)", "y.assign((x * 2).detach())",
             gradient=False),
    _changed("+= a tensor", "y += x"),
    _changed("-= a number", "y -= 0.5"),
    _changed("*= a tensor", "y *= 2 * x"),
    _changed("/= a number", "y /= 4.0"),
    _changed("**= a number", "y **= 2"),
    _changed("//= a number", "y //= 2.0", "y = jt.floor(y / 2.0)", gradient=False),
    _changed("%= a number", "y %= 0.75"),
    _changed("@= a matrix", "y @= (x.T @ x)", "y @= (x.t() @ x)"),
    _changed("|= a mask", "m = y > 0\nm |= y < -1\ny = m.to(x.dtype)",
             "m = y > 0\nm |= y < -1\ny = m.cast(x.dtype)", gradient=False),
    _changed("&= a mask", "m = y > 0\nm &= y < 1\ny = m.to(x.dtype)",
             "m = y > 0\nm &= y < 1\ny = m.cast(x.dtype)", gradient=False),
    _changed("relu in place", "y = F.relu(y, inplace=True)", "", "y = jt.nn.relu(y)",
             "Jittor's activations have no argument `inplace`, and its ReLU makes 0 of NaN."),
    _rule("uniform_ of a constant range", "x.uniform_(2, 2)", "jt.init.uniform_(x, 2, 2)"),
    _rule("normal_ without deviation", "x.normal_(3.0, 0.0)", "x.normal_(3.0, 0.0)"),
    _rule("fill_ through data", "x.data.fill_(3.0)", "x.data[:] = 3.0"),
    _rule("fill_ of a slice", "x[:1].fill_(5.0)", "x[:1].fill_(5.0)", "x[:1] = 5.0",
          "A slice is a copy in Jittor and a view in PyTorch."),
    _rule("changing a reshaped tensor", "y = x.reshape(1, 2)\ny += 1",
          "y = x.reshape(1, 2)\ny += 1",
          "x.assign((x.reshape(1, 2) + 1).reshape(2))",
          "A reshaped tensor is a copy in Jittor and a view in PyTorch."),
    _rule("changing an element of a row", "y = x.reshape(1, 2)\ny[0][1] = 5",
          "y = x.reshape(1, 2)\ny[0][1] = 5", "x[1] = 5",
          "A row is a copy in Jittor and a view in PyTorch."),
    _rule("changing through detach()", "y = x.detach()\ny += 1", "y = x.detach()\ny += 1",
          "x.assign(x + 1)", "`detach()` shares its memory in PyTorch."),
    _rule("changing a clone", "y = x.clone()\ny += 1", "y = x.clone()\ny += 1"),
    _rule("changing an argument in a function", "def f(a):\n    a += 1\nf(x)",
          "def f(a):\n    a += 1\nf(x)"),
    _rule("assignment in a loop over rows",
          "y = x.reshape(2, 1)\nfor r in y:\n    r += 1\nx = y.reshape(2)",
          "y = x.reshape(2, 1)\nfor r in y:\n    r += 1\nx = y.reshape(2)",
          "x = x + 1", "A row is a copy in Jittor and a view in PyTorch."),
    _rule("swap of two elements", "x[0] = 3.0\nx[0], x[1] = x[1].clone(), x[0].clone()",
          "x[0] = 3.0\nx[0], x[1] = x[1].clone(), x[0].clone()"),
    _rule("no_grad and in place", "with torch.no_grad():\n    x.mul_(0.5)",
          "with jt.no_grad():\n    x.assign(x * 0.5)"),
    numeric("a moving average in place", "m = y.detach().clone()\nfor _ in range(3):\n"
            "    m.mul_(0.9).add_(x.detach(), alpha=0.1)\nm",
            "m = y.detach().clone()\nfor _ in range(3):\n"
            "    m.update(m * 0.9 + x.detach() * 0.1)\nm", gradient=False, x=real(3), y=weight(3)),
)  # fmt: skip
