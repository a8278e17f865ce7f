"""Sums, means, variances, extreme values and sorting."""

from parity.atlas.entry import Entry, positive, real

_CASES = (
    "ordinary", "zeros", "constant", "large offset", "ties", "infinity", "nan", "one row", "empty",
)  # fmt: skip


_NOT_EMPTY = _CASES[:-1]  # the variance of an empty tensor is not defined
# The gradient is 0 where the variance is 0, as in PyTorch.
_ROOT = "v = {}\njt.ternary(v > 0, jt.sqrt(jt.maximum(v, 1e-38)), v * 0)"


def _reduced(
    name: str,
    torch: str,
    jittor: str,
    workaround: str = "",
    note: str = "",
    *,
    gradient: bool = True,
    cases: tuple[str, ...] = _CASES,
) -> Entry:
    return Entry(
        name=name, torch=torch, jittor=jittor, inputs={"x": real(3, 4)}, workaround=workaround,
        note=note, gradient=gradient, cases=cases,
    )  # fmt: skip


ENTRIES = (
    _reduced("sum", "x.sum()", "x.sum()"),
    _reduced("sum along", "x.sum(1)", "x.sum(1)"),
    _reduced("sum of several, kept", "x.sum((0, 1), keepdim=True)", "x.sum((0, 1), keepdims=True)"),
    _reduced("mean", "x.mean()", "x.mean()"),
    _reduced("mean along", "x.mean(0)", "x.mean(0)"),
    _reduced(
        "var",
        "x.var()",
        "x.var()",
        "x.var(unbiased=True)",
        "By default Jittor divides by n, PyTorch by n - 1.",
        cases=_NOT_EMPTY,
    ),
    _reduced(
        "var, unbiased", "x.var(1, unbiased=True)", "x.var(1, unbiased=True)", cases=_NOT_EMPTY
    ),
    _reduced(
        "var, biased", "x.var(1, unbiased=False)", "x.var(1, unbiased=False)", cases=_NOT_EMPTY
    ),
    _reduced(
        "std",
        "x.std()",
        "x.std()",
        _ROOT.format("x.var(unbiased=True)"),
        "The variance is clamped to at least 1e-6, so that the result is never below 1e-3.",
        cases=_NOT_EMPTY,
    ),
    Entry(
        name="std of small numbers",
        torch="(x * 1e-4).std()",
        jittor="(x * 1e-4).std()",
        inputs={"x": real(3, 4)},
        cases=("ordinary",),
        workaround=_ROOT.format("(x * 1e-4).var(unbiased=True)"),
        note="The variance is clamped to at least 1e-6: the result is never below 1e-3, and then "
        "has "
        "no gradient.",
    ),
    _reduced(
        "std along",
        "x.std(1)",
        "x.std(1)",
        _ROOT.format("x.var(1, unbiased=True)"),
        cases=_NOT_EMPTY,
        note=("The variance is clamped to at least 1e-6, so that the result is never below 1e-3."),
    ),
    _reduced(
        "logsumexp",
        "torch.logsumexp(x, 1)",
        "jt.nn.logsumexp(x, 1)",
        "m = jt.clamp(x.max(1, keepdims=True).detach(), -1e30, 1e30)\n"
        "((x - m).exp().sum(1, keepdims=True).log() + m)"
        ".squeeze(1)",
        "The maximum is not subtracted first: the result is infinite beyond 88.",
    ),
    Entry(
        name="logsumexp of large numbers",
        torch="torch.logsumexp(x * 100, 1)",
        jittor="jt.nn.logsumexp(x * 100, 1)",
        inputs={"x": real(3, 4)},
        cases=("ordinary",),
        workaround="y = x * 100\nm = y.max(1, keepdims=True).detach()\n"
        "((y - m).exp().sum(1, keepdims=True).log() + m).squeeze(1)",
        note="The maximum is not subtracted first: the result is infinite beyond 88.",
    ),
    Entry(
        name="prod",
        torch="x.prod(1)",
        jittor="x.prod(1)",
        inputs={"x": real(3, 4)},
        cases=("ordinary", "zeros", "ties", "large magnitude", "empty"),
        note=(
            "The gradient divides the product by each element: it is NaN for elements that are 0."
        ),
    ),
    _reduced(
        "max",
        "x.max()",
        "x.max()",
        note="The gradient is distributed differently among equal elements.",
    ),
    _reduced(
        "max along",
        "x.max(1)[0]",
        "x.max(1)",
        note="The gradient is distributed differently among equal elements.",
    ),
    _reduced(
        "amax along",
        "x.amax(1)",
        "x.max(1)",
        note="The gradient is distributed differently among equal elements.",
    ),
    _reduced(
        "min along",
        "x.min(1)[0]",
        "x.min(1)",
        note=("Jittor ignores NaN, and every one of equal elements gets the gradient in full."),
    ),
    _reduced(
        "argmax along",
        "x.argmax(1)",
        "x.argmax(1)[0]",
        gradient=False,
        note="Jittor returns a pair, indices and values.",
    ),
    _reduced("argmin along", "x.argmin(1)", "x.argmin(1)[0]", gradient=False),
    _reduced(
        "median",
        "x.median()",
        "x.median()",
        note="Both return the lower of the two middle elements.",
    ),
    _reduced(
        "median along 1",
        "x.median(1)[0]",
        "jt.median(x, 1)",
        "index, y = jt.argsort(x, dim=1)\ny[:, (x.shape[1] - 1) // 2]",
        "Jittor builds one slice too few and selects an entire row.",
    ),
    _reduced(
        "median along 0",
        "x.median(0)[0]",
        "jt.median(x, 0)",
        note=(
            "PyTorch's median of numbers with a NaN is NaN; Jittor takes the middle of an "
            "order in which a NaN has no fixed place."
        ),
    ),
    _reduced(
        "sort",
        "torch.sort(x, 1)[0]",
        "jt.sort(x, 1)[0]",
        note=(
            "PyTorch sorts NaN to the end. Jittor compares with it, so that numbers beside "
            "a NaN may stay unsorted."
        ),
    ),
    _reduced(
        "sort, indices",
        "torch.sort(x, dim=1, stable=True)[1]",
        "jt.sort(x, 1)[1]",
        gradient=False,
        note=(
            "PyTorch sorts NaN to the end. Jittor compares with it, so that numbers beside "
            "a NaN may stay unsorted."
        ),
    ),
    _reduced(
        "argsort",
        "torch.argsort(x, dim=1, stable=True)",
        "jt.argsort(x, 1)[0]",
        gradient=False,
        note="Jittor returns a pair, indices and values.",
    ),
    _reduced(
        "topk",
        "torch.topk(x, 2, 1)[0]",
        "jt.topk(x, 2, 1)[0]",
        note=(
            "Which of equal elements get the gradient is another choice; of an empty tensor "
            "the shape is lost."
        ),
    ),
    _reduced(
        "kthvalue",
        "torch.kthvalue(x, 2, 1)[0]",
        "jt.kthvalue(x, 2, 1)[0]",
        note=(
            "Which of equal elements gets the gradient is another choice, and a NaN has no "
            "fixed place in Jittor's order."
        ),
    ),
    _reduced("cumsum", "torch.cumsum(x, 1)", "jt.cumsum(x, 1)"),
    _reduced(
        "cumprod",
        "torch.cumprod(x, 1)",
        "jt.cumprod(x, 1)",
        "ys = [x[:, 0]]\nfor i in range(1, x.shape[1]):\n    ys.append(ys[-1] * x[:, i])\n"
        "jt.stack(ys, 1)",
        "Computed as exp(cumsum(log x)): NaN for negative numbers.",
    ),
    Entry(
        name="cumprod of positive numbers",
        torch="torch.cumprod(x, 1)",
        jittor="jt.cumprod(x, 1)",
        inputs={"x": positive(3, 4)},
        cases=("ordinary", "zeros", "large offset"),
        note="Computed as exp(cumsum(log x)): the gradient at 0 is NaN.",
    ),
    _reduced("any", "(x > 0).any(1)", "(x > 0).any(1)", gradient=False),
    _reduced("all", "(x > 0).all(1)", "(x > 0).all(1)", gradient=False),
    _reduced("isnan", "torch.isnan(x)", "jt.isnan(x)", gradient=False),
    _reduced("isfinite", "torch.isfinite(x)", "jt.isfinite(x)", gradient=False),
    _reduced("x != x", "x != x", "x != x", gradient=False),
    _reduced("x < 0", "x < 0", "x < 0", gradient=False),
    Entry(
        name="sum of a million numbers",
        torch="(x.reshape(-1, 1) * 0 + 0.1).expand(-1, 250000).sum()",
        jittor="(x.reshape(-1, 1) * 0 + 0.1).expand(-1, 250000).sum()",
        inputs={"x": real(4)},
        cases=("ordinary",),
        gradient=False,
        workaround=(
            "(x.reshape(-1, 1) * 0 + 0.1).expand(-1, 250000).reshape(1000, 1000).sum(1).sum()"
        ),
        note="Jittor adds the numbers one after the other, PyTorch in pairs.",
    ),
    Entry(
        name="histogram",
        torch="torch.histc(x, 4, -2.0, 2.0)",
        jittor="jt.histc(x, 4, -2.0, 2.0)",
        inputs={"x": real(3, 4)},
        cases=("ordinary", "large offset"),
        gradient=False,
    ),
    Entry(
        name="searchsorted",
        torch="torch.searchsorted(torch.sort(y.reshape(-1))[0], x)",
        jittor="jt.searchsorted(jt.sort(y.reshape(-1))[0], x)",
        inputs={"x": real(3), "y": real(3, 4)},
        cases=("ordinary", "ties"),
        gradient=False,
    ),
    Entry(
        name="unique",
        note="PyTorch sorts the result.",
        workaround="jt.sort(jt.unique(x))[0]",
        torch="torch.unique(x)",
        jittor="jt.unique(x)",
        inputs={"x": real(3, 4)},
        cases=("ordinary", "ties", "zeros"),
        gradient=False,
    ),
)
