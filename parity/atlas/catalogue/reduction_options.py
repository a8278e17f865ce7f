"""Defaults and options of sums, means, deviations and norms, and large tensors."""

from parity.atlas.catalogue._sources import norm
from parity.atlas.entry import Entry, numeric, positive, real, rule

_CASES = ("ordinary", "zeros", "large offset", "nan")
_X = {"x": real(3, 4)}
_LARGE = "(x.reshape(-1, 1) * 0 + 0.1).expand(-1, 250000)"
_NAIVE = "Jittor adds the numbers one after the other, PyTorch in pairs."
_FLOOR = "The variance is clamped to at least 1e-6, so that the result is never below 1e-3."
_NORM = (
    "Without `dim`, Jittor computes the norm over the last dimension; the sum of squares is at "
    "least 1e-30."
)
_ORDER = "Jittor has norms of order 1 and 2 only."
_SUM = "The argument is named `keepdims`."


def _reduced(
    name: str, torch: str, jittor: str = "", workaround: str = "", note: str = "", *,
    gradient: bool = True, cases: tuple[str, ...] = _CASES,
) -> Entry:  # fmt: skip
    return numeric(name, torch, jittor, cases=cases, gradient=gradient, workaround=workaround,
                   note=note, inputs=_X)  # fmt: skip


_VAR = "v = x.var({})\njt.ternary(v > 0, jt.sqrt(jt.maximum(v, 1e-38)), v * 0)"
_NOT_NAN = "k = jt.logical_not(jt.isnan(x))\ny = jt.ternary(k, x, jt.zeros_like(x))\n"
ENTRIES = (
    _reduced("sum, keepdim", "x.sum(1, keepdim=True)"),
    _reduced("sum of a negative dimension", "x.sum(-1)"),
    _reduced("sum to a dtype", "x.sum(dtype=x.dtype)", "", "x.sum()",
             "Jittor's `sum` has no argument `dtype`."),
    _reduced("mean, keepdim", "x.mean(1, keepdim=True)"),
    _reduced("mean of several dimensions", "x.mean((0, 1))"),
    _reduced("mean of a negative dimension", "x.mean(-1, keepdim=True)",
             "x.mean(-1, keepdims=True)"),
    _reduced("mean by name", "torch.mean(x, dim=1)"),
    _reduced("std by default", "torch.std(x)", "", _VAR.format("unbiased=True"), _FLOOR),
    _reduced("std, keepdim", "x.std(1, keepdim=True)", "", _VAR.format("1, unbiased=True, "
             "keepdims=True"), _FLOOR),
    _reduced("std, biased", "x.std(1, unbiased=False)", "", _VAR.format("1, unbiased=False"),
             "Jittor's `std` has no argument `unbiased`."),
    _reduced("var by default", "torch.var(x, 1)", "x.var(1)", "x.var(1, unbiased=True)",
             "By default Jittor divides by n, PyTorch by n - 1."),
    _reduced("var, correction", "x.var(1, correction=0)", "", "x.var(1)",
             "Jittor's `var` has no argument `correction`."),
    _reduced("var, keepdim", "x.var(1, unbiased=True, keepdim=True)", "",
             "x.var(1, unbiased=True, keepdims=True)", _SUM),
    _reduced("var of several dimensions", "x.var((0, 1), unbiased=True)", "",
             "x.var(unbiased=True)", "Jittor's `var` accepts one dimension, or all."),
    _reduced("var_mean", "torch.var_mean(x, 1)", "", "(x.var(1, unbiased=True), x.mean(1))",
             "Jittor has no `var_mean`."),
    _reduced("standardisation by mean and std",
             "(x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + 1e-5)",
             "(x - x.mean(1, keepdims=True)) / (x.std(1, keepdim=True) + 1e-5)", "", _FLOOR,
             cases=("ordinary", "zeros")),
    _reduced("norm method", "x.norm()", "", norm("(x * x).sum()"), _NORM,
             cases=("ordinary", "zeros")),
    _reduced("norm, last dimension", "x.norm(dim=-1)", cases=("ordinary", "large offset")),
    _reduced("norm, keepdim", "x.norm(dim=1, keepdim=True)", cases=("ordinary", "large offset")),
    _reduced("norm of two dimensions", "x.norm(dim=(0, 1))", cases=("ordinary", "large offset")),
    _reduced("norm of order 3", "x.norm(3, dim=1)", "",
             "(jt.abs(x) * x * x).sum(1) ** (1 / 3)", _ORDER, cases=("ordinary", "large offset")),
    _reduced("norm of order infinity", "x.norm(np.inf, dim=1)", "", "jt.abs(x).max(1)", _ORDER,
             cases=("ordinary", "large offset")),
    _reduced("norm of order 0", "x.norm(0, dim=1)", "", "(x != 0).cast(x.dtype).sum(1)", _ORDER,
             gradient=False, cases=("ordinary", "zeros")),
    _reduced("norm of order fro", "x.norm('fro')", "", norm("(x * x).sum()"), _ORDER,
             cases=("ordinary", "zeros", "large offset")),
    _reduced("dist", "torch.dist(x, x * 2)", "", "jt.sqrt(((x - x * 2) * (x - x * 2)).sum())",
             "Jittor has no `dist`.", cases=("ordinary",)),
    _reduced("prod of all", "x.prod()", cases=("ordinary", "large offset")),
    _reduced("prod, keepdim", "x.prod(1, keepdim=True)", cases=("ordinary", "large offset")),
    _reduced("cumsum, negative dimension", "torch.cumsum(x, -1)", cases=("ordinary",)),
    _reduced("cumsum, dimension -2", "torch.cumsum(x, -2)", "", "jt.cumsum(x, 0)",
             "Jittor accepts no negative dimension but -1.", cases=("ordinary",)),
    _reduced("cumsum, dimension 0", "torch.cumsum(x, 0)", cases=("ordinary", "nan")),
    _reduced("logsumexp, keepdim", "torch.logsumexp(x, 1, keepdim=True)",
             "jt.nn.logsumexp(x, 1, keepdim=True)",
             "m = x.max(1, keepdims=True).detach()\n"
             "(x - m).exp().sum(1, keepdims=True).log() + m",
             "The maximum is not subtracted first: the result is infinite beyond 88."),
    _reduced("logcumsumexp", "torch.logcumsumexp(x, 1)", "", "jt.log(jt.cumsum(jt.exp(x), 1))",
             "Jittor has no `logcumsumexp`.", cases=("ordinary",)),
    _reduced("nansum", "torch.nansum(x)", "", _NOT_NAN + "y.sum()", "Jittor has no `nansum`."),
    _reduced("nanmean", "torch.nanmean(x, 1)", "", _NOT_NAN + "y.sum(1) / k.sum(1)",
             "Jittor has no `nanmean`."),
    _reduced("count_nonzero", "torch.count_nonzero(x)", "", "(x != 0).sum()",
             "Jittor has no `count_nonzero`.", gradient=False),
    _reduced("diff", "torch.diff(x, dim=1)", "", "x[:, 1:] - x[:, :-1]", "Jittor has no `diff`."),
    _reduced("any of all", "(x > 0).any()", gradient=False),
    _reduced("all, keepdim", "(x > 0).all(1, keepdim=True)", "",
             "(x > 0).all(1).unsqueeze(1)",
             "Jittor's `all` keeps no dimensions.", gradient=False),
    _reduced("any of numbers", "x.any(1)", "x.any(1)", gradient=False, cases=("ordinary", "zeros")),
    _reduced("cov", "torch.cov(x)", "", "c = x - x.mean(1, keepdims=True)\nc @ c.t() / 3",
             "Jittor has no `cov`.", cases=("ordinary",)),
    _reduced("corrcoef", "torch.corrcoef(x)", "", "c = x - x.mean(1, keepdims=True)\n"
             "c = c / jt.sqrt((c * c).sum(1, keepdims=True))\nc @ c.t()",
             "Jittor has no `corrcoef`.", cases=("ordinary",)),
    _reduced("entropy", "-(torch.softmax(x, 1) * torch.log_softmax(x, 1)).sum(1)",
             "-(jt.nn.softmax(x, dim=1) * jt.nn.log_softmax(x, dim=1)).sum(1)",
             cases=("ordinary", "zeros", "large offset")),
    numeric("geometric mean", "torch.exp(torch.log(x).mean(1))", x=positive(3, 4)),
    *(
        numeric(f"{name} a million numbers", torch.format(_LARGE),
                (jittor or torch).format(_LARGE), x=real(4), gradient=False, note=note)
        for name, torch, jittor, note in (
            ("mean of", "{}.mean()", "", _NAIVE),
            ("mean along a dimension of", "{}.mean(1)", "", _NAIVE),
            ("var of", "({0} * torch.arange(250000, dtype=x.dtype)).var(unbiased=True)",
             "({0} * jt.arange(250000).cast(x.dtype)).var(unbiased=True)", _NAIVE),
            ("norm of", "{}.reshape(-1).norm(dim=0)", "", ""),
        )
    ),
    numeric("gradient of the mean of a million numbers", f"{_LARGE}.mean()", x=real(4),
            note=_NAIVE),
    rule("mean of nothing", "torch.zeros(0).mean().item() != 0",
         "bool(jt.zeros((0,)).mean().item() != 0)",
         note="PyTorch gives NaN, Jittor 0."),
    rule("sum of nothing", "torch.zeros(0).sum().item()", "jt.zeros((0,)).sum().item()"),
    rule("maximum of nothing", "torch.zeros(0).max().item()", "jt.zeros((0,)).max().item()",
         note="PyTorch raises an exception."),
    rule("prod of nothing", "torch.zeros(0).prod().item()", "jt.zeros((0,)).prod().item()"),
    rule("sum of float16", "torch.full((3000,), 1.0).half().sum().item()",
         "jt.full((3000,), 1.0).float16().sum().item()"),
    rule("mean of float16", "torch.full((70000,), 1.0).half().mean().item()",
         "jt.full((70000,), 1.0).float16().mean().item()",
         note="1 / 70000, by which Jittor multiplies, has few digits in float16."),
    rule("sum of int8", "torch.tensor([100, 100], dtype=torch.int8).sum().item()",
         "jt.array(np.int8([100, 100])).sum().item()",
         workaround="jt.array(np.int8([100, 100])).int().sum().item()",
         note="Jittor sums in 8 bits."),
    rule("mean of uint8", "torch.tensor([200, 100], dtype=torch.uint8).float().mean().item()",
         "jt.array(np.uint8([200, 100])).mean().item()"),
    rule("mean of booleans", "(torch.ones(4) > 0).float().mean().item()",
         "(jt.ones(4) > 0).float().mean().item()"),
    rule("mean of booleans without a cast", "(torch.ones(4) > 0).mean().item()",
         "(jt.ones(4) > 0).mean().item()", note="PyTorch refuses booleans."),
    rule("accuracy by argmax",
         "(torch.tensor([[0.0, 1], [2, 1]]).argmax(1) == torch.tensor([1, 1])).float().mean()"
         ".item()",
         "(jt.array([[0.0, 1], [2, 1]]).argmax(1)[0] == jt.array([1, 1])).float().mean().item()"),
    rule("number of true elements", "(torch.tensor([1.0, -1.0, 2.0]) > 0).sum().item()",
         "(jt.array([1.0, -1.0, 2.0]) > 0).sum().item()"),
)  # fmt: skip
