"""Sorting, ranking and extreme values, with ties, directions and further results."""

from parity.atlas.entry import Entry, numeric, real, rule

_CASES = ("ordinary", "zeros", "ties")
_X = {"x": real(3, 4)}
_TIES = "Every one of equal elements gets the gradient in full."
_PAIR = "Jittor returns the values alone."
_SORT = "index, y = jt.argsort(x, dim=1)\n"


def _sorted(
    name: str, torch: str, jittor: str = "", workaround: str = "", note: str = "", *,
    gradient: bool = False, cases: tuple[str, ...] = _CASES,
) -> Entry:  # fmt: skip
    return numeric(name, torch, jittor, cases=cases, gradient=gradient, workaround=workaround,
                   note=note, inputs=_X)  # fmt: skip


ENTRIES = (
    _sorted("sort, descending", "torch.sort(x, 1, descending=True)[0]", gradient=True),
    _sorted("sort, dimension 0", "torch.sort(x, 0)[0]", gradient=True),
    _sorted("sort, last dimension by default", "torch.sort(x)[0]", gradient=True),
    _sorted("sort method", "x.sort(1)[0]", gradient=True),
    _sorted("sort, descending, indices of ties",
            "torch.sort(x, dim=1, descending=True, stable=True)[1]",
            "jt.sort(x, 1, descending=True)[1]"),
    _sorted("argsort, descending", "torch.argsort(x, dim=1, descending=True, stable=True)",
            "jt.argsort(x, dim=1, descending=True)[0]"),
    _sorted("argsort, the value returned", "torch.argsort(x, dim=1, stable=True)",
            "jt.argsort(x, dim=1)", "jt.argsort(x, dim=1)[0]",
            "Jittor returns a pair, indices and values."),
    _sorted("rank by argsort twice",
            "torch.argsort(torch.argsort(x, dim=1, stable=True), dim=1)",
            "jt.argsort(jt.argsort(x, dim=1)[0], dim=1)[0]"),
    _sorted("sort along by an index", "torch.gather(x, 1, torch.argsort(x, dim=1, stable=True))",
            "jt.gather(x, 1, jt.argsort(x, dim=1)[0])", gradient=True),
    _sorted("topk, indices", "torch.topk(x, 2, 1)[1]", cases=("ordinary",)),
    _sorted("topk, smallest", "torch.topk(x, 2, 1, largest=False)[0]", gradient=True,
            cases=("ordinary",)),
    _sorted("topk, dimension 0", "torch.topk(x, 2, 0)[0]", gradient=True, cases=("ordinary",)),
    _sorted("topk by name", "torch.topk(x, k=2, dim=1).values", "jt.topk(x, k=2, dim=1).values",
            "jt.topk(x, k=2, dim=1)[0]", "Jittor returns a plain tuple."),
    _sorted("kthvalue, dimension 0", "torch.kthvalue(x, 2, 0)[0]", gradient=True,
            cases=("ordinary",)),
    _sorted("kthvalue, kept", "torch.kthvalue(x, 2, 1, keepdim=True)[0]", gradient=True,
            cases=("ordinary",)),
    _sorted("kthvalue of a vector", "torch.kthvalue(x[0], 2)[0]", gradient=True,
            cases=("ordinary",)),
    _sorted("median, kept", "x.median(0, keepdim=True)[0]", "jt.median(x, 0, keepdim=True)",
            gradient=True, cases=("ordinary",)),
    _sorted("median, the value returned", "x.median(0)", "jt.median(x, 0)",
            note=_PAIR, cases=("ordinary",)),
    _sorted("max along, the values returned", "torch.max(x, 1)", "jt.max(x, 1)",
            "i, y = jt.argmax(x, 1)\n(y, i)", _PAIR),
    _sorted("max along by name", "torch.max(x, dim=1).indices", "jt.max(x, dim=1).indices",
            "jt.argmax(x, 1)[0]", _PAIR),
    _sorted("min along, the values returned", "torch.min(x, 1)", "jt.min(x, 1)",
            "i, y = jt.argmin(x, 1)\n(y, i)", _PAIR),
    _sorted("max of two tensors", "torch.max(x, x.flip(1))", "jt.maximum(x, x.flip(1))",
            gradient=True, cases=("ordinary",)),
    _sorted("max of two tensors by max", "torch.max(x, x.flip(1))", "jt.max(x, x.flip(1))",
            "jt.maximum(x, x.flip(1))", "The second argument is the dimensions in Jittor."),
    _sorted("max along, kept", "x.max(1, keepdim=True)[0]", "x.max(1, keepdims=True)",
            note=_TIES, gradient=True),
    _sorted("amin", "x.amin(1)", "x.min(1)", note=_TIES, gradient=True),
    _sorted("amax by its name", "torch.amax(x, 1)", "jt.amax(x, 1)", "x.max(1)",
            "Jittor has no `amax`; its `max` gives every one of equal elements the gradient in "
            "full.", gradient=True),
    _sorted("amax of two dimensions", "x.amax((0, 1))", "x.max((0, 1))", note=_TIES,
            gradient=True),
    _sorted("aminmax", "torch.aminmax(x)", workaround="(x.min(), x.max())",
            note="Jittor has no `aminmax`."),
    _sorted("argmax, dimension -1", "x.argmax(-1)", "x.argmax(-1)[0]"),
    _sorted("argmax, kept", "x.argmax(1, keepdim=True)", "x.argmax(1, keepdims=True)[0]"),
    _sorted("argmax, keepdim by name", "torch.argmax(x, dim=1, keepdim=True)",
            workaround="jt.argmax(x, dim=1, keepdims=True)[0]",
            note="The argument is named `keepdims`, and a pair is returned."),
    _sorted("argmax of all", "torch.argmax(x)", "jt.argmax(x, None)[0]"),
    _sorted("argmax of ties", "x.argmax(1)", "x.argmax(1)[0]", cases=("zeros", "ties")),
    _sorted("argmin of ties", "x.argmin(1)", "x.argmin(1)[0]", cases=("zeros", "ties")),
    _sorted("argmax with NaN", "x.flip(1).argmax(1)", "x.flip(1).argmax(1)[0]", cases=("nan",),
            note="PyTorch takes NaN for the largest number. Jittor finds a NaN that is the first "
            "element and ignores others."),
    _sorted("cummax", "torch.cummax(x, 1)[0]", gradient=True,
            workaround="ys = [x[:, 0]]\nfor j in range(1, x.shape[1]):\n"
            "    ys.append(jt.maximum(x[:, j], ys[-1]))\njt.stack(ys, 1)",
            note="Jittor has no `cummax`.", cases=("ordinary",)),
    _sorted("msort", "torch.msort(x)", workaround="jt.sort(x, 0)[0]",
            note="Jittor has no `msort`."),
    _sorted("quantile", "torch.quantile(x, 0.5, dim=1)", workaround=_SORT
            + "(y[:, 1] + y[:, 2]) / 2", note="Jittor has no `quantile`.", cases=("ordinary",)),
    _sorted("nanmedian", "torch.nanmedian(x)", workaround="x.median()",
            note="Jittor has no `nanmedian`.", cases=("ordinary",)),
    _sorted("bucketize", "torch.bucketize(x, torch.tensor([-1.0, 0.0, 1.0], dtype=x.dtype))",
            workaround="b = jt.array([-1.0, 0.0, 1.0]).cast(x.dtype)\n"
            "jt.searchsorted(b, x.reshape(-1)).reshape(x.shape)",
            note="Jittor has no `bucketize`."),
    _sorted("searchsorted, right",
            "torch.searchsorted(torch.sort(x, 1)[0], x, right=True)",
            "jt.searchsorted(jt.sort(x, 1)[0], x, right=True)"),
    rule("sort of integers", "torch.sort(torch.tensor([3, 1, 2]))[0].tolist()",
         "jt.sort(jt.array([3, 1, 2]))[0].tolist()"),
    rule("sort, order of the results", "torch.sort(torch.tensor([3.0, 1.0]))[0].tolist()",
         "jt.sort(jt.array([3.0, 1.0]))[0].tolist()"),
    rule("unique, inverse and counts",
         "[t.tolist() for t in torch.unique(torch.tensor([3, 1, 3]), return_inverse=True, "
         "return_counts=True)]",
         "[t.tolist() for t in jt.unique(jt.array([3, 1, 3]), return_inverse=True, "
         "return_counts=True)]"),
    rule("unique of rows", "torch.unique(torch.tensor([[1, 3], [1, 3]]), dim=0).tolist()",
         "jt.unique(jt.array([[1, 3], [1, 3]]), dim=0).tolist()"),
    rule("unique_consecutive", "torch.unique_consecutive(torch.tensor([1, 1, 2, 1])).tolist()",
         note="Jittor has no `unique_consecutive`."),
    rule("bincount", "torch.bincount(torch.tensor([0, 1, 1, 3])).tolist()",
         workaround="i = jt.array([0, 1, 1, 3])\njt.nn.one_hot(i, 4).sum(0).int().tolist()",
         note="Jittor has no `bincount`."),
    rule("isin", "torch.isin(torch.tensor([1, 2, 3]), torch.tensor([2, 3])).tolist()",
         "jt.isin(jt.array([1, 2, 3]), jt.array([2, 3])).tolist()"),
    rule("median of an even number", "torch.tensor([1.0, 2.0, 3.0, 4.0]).median().item()",
         "jt.array([1.0, 2.0, 3.0, 4.0]).median().item()"),
)  # fmt: skip
