"""Scattering, filling and writing by index, with repeated indices and negative dimensions."""

from parity.atlas.entry import Entry, InputSpec, index, numeric, real, rule, weight

_CASES = ("ordinary", "nan")
_X = {"x": real(4, 3)}
_I = {"x": real(4, 3), "i": index(5, below=4)}
_COPY = "y = x.clone()\n{}\ny"
_TWICE = "[1, 1, 3]"
_ROWS = "jt.array([[1, 1, 1], [1, 1, 1], [3, 3, 3]])"


def _write(
    name: str, torch: str, jittor: str = "", workaround: str = "", note: str = "",
    **inputs: InputSpec,
) -> Entry:  # fmt: skip
    return numeric(
        name, _COPY.format(torch), _COPY.format(jittor) if jittor else "", cases=_CASES,
        workaround=workaround and _COPY.format(workaround), note=note, inputs=inputs or _X,
    )  # fmt: skip


_ONE_HOT = "jt.nn.one_hot(i, 4).cast(x.dtype)"
ENTRIES = (
    numeric("index_select, dimension 1", "torch.index_select(x, 1, j)", x=real(4, 3),
            j=index(2, below=3), cases=_CASES, workaround="x[:, j]",
            note="Jittor puts new dimensions in front of the index instead of skipping dimensions, "
            "and reads rows by an index meant for columns, outside the tensor as well."),
    numeric("index_select, last dimension", "torch.index_select(x, -1, j)", x=real(4, 3),
            j=index(2, below=3), cases=_CASES, workaround="x[..., j]",
            note="Jittor puts new dimensions in front of the index instead of skipping "
            "dimensions."),
    numeric("index_select method", "x.index_select(0, i)", cases=_CASES, inputs=_I),
    numeric("gather, dimension 1", "torch.gather(x, 1, j)", x=real(4, 3), j=index(4, 2, below=3),
            cases=_CASES),
    numeric("gather, negative dimension", "torch.gather(x, -1, j)", x=real(4, 3),
            j=index(4, 2, below=3), cases=_CASES),
    numeric("gather of repeats, gradient", "torch.gather(x, 0, i.reshape(-1, 1) * 0)",
            cases=_CASES, inputs=_I),
    numeric("probability of the target by gather",
            "torch.gather(torch.log_softmax(x, 1), 1, j.unsqueeze(1)).squeeze(1)",
            "jt.gather(jt.nn.log_softmax(x, dim=1), 1, j.unsqueeze(1)).squeeze(1)", x=real(4, 3),
            j=index(4, below=3)),
    numeric("take_along_dim", "torch.take_along_dim(x, j, 1)", x=real(4, 3),
            j=index(4, 2, below=3), workaround="jt.gather(x, 1, j)",
            note="Jittor has no `take_along_dim`."),
    numeric("take", "torch.take(x, i)", workaround="x.reshape(-1)[i]",
            note="Jittor has no `take`.", inputs=_I),
    numeric("masked_select", "torch.masked_select(x, x > 0)", cases=_CASES,
            workaround="x[x > 0]", note="Jittor has no `masked_select`.", inputs=_X),
    numeric("masked_scatter", "x.masked_scatter(x > 0, w)", x=real(4, 3), w=weight(12),
            note="Jittor has no `masked_scatter`."),
    numeric("masked_fill with a broadcast mask", "x.masked_fill(x[:1] > 0, 7.0)", cases=_CASES,

 inputs=_X),
    _write("masked_fill_", "y.masked_fill_(y > 0, 7.0)"),
    _write("writing by a mask", "y[y > 0] = 7.0"),
    _write("writing a tensor by a mask", "y[y[:, 0] > 0] = w", x=real(4, 3), w=weight(3),
            note='The gradient of a write that broadcasts raises an exception: broadcast first.',
            workaround='y = jt.ternary(jt.broadcast(y[:, :1] > 0, y), jt.broadcast(w, y), y)'),
    _write("adding by a mask", "y[y > 0] += 1.0"),
    _write("writing a column", "y[:, 1] = w", x=real(4, 3), w=weight(4)),
    _write("writing an element", "y[2, 1] = 7.0"),
    _write("writing the last row", "y[-1] = w", x=real(4, 3), w=weight(3)),
    _write("writing by a negative index in a tensor", "y[torch.tensor([-1])] = 7.0",
           "y[jt.array([-1])] = 7.0", "y[jt.array([-1]) + y.shape[0]] = 7.0",
           "Jittor skips negative indices in a tensor when it writes."),
    _write("writing by a list", "y[[0, 2]] = 7.0"),
    _write("writing pairs", "y[torch.tensor([0, 2]), torch.tensor([1, 2])] = 7.0",
           "y[jt.array([0, 2]), jt.array([1, 2])] = 7.0"),
    _write("writing a broadcast row", "y[:] = w", x=real(4, 3), w=weight(3),
            note='The gradient of a write that broadcasts raises an exception: broadcast first.',
            workaround='y[:] = jt.broadcast(w, y)'),
    _write("writing a broadcast column", "y[:, :2] = w", x=real(4, 3), w=weight(4, 1),
            note='The gradient of a write that broadcasts raises an exception: broadcast first.',
            workaround='y[:, :2] = jt.broadcast(w, y[:, :2])'),
    _write("writing every second row", "y[::2] = 7.0"),
    _write("writing with an ellipsis", "y[..., 0] = 7.0"),
    _write("writing at an index twice", f"y[torch.tensor({_TWICE})] = w",
           f"y[jt.array({_TWICE})] = w", x=real(4, 3), w=weight(3, 3), note="Which of the rows "
           "remains is not defined in either."),
    _write("index_put_", "y.index_put_((torch.tensor([0, 2]),), w)", "y[jt.array([0, 2])] = w",
           x=real(4, 3), w=weight(2, 3)),
    _write("index_put_, accumulating", f"y.index_put_((torch.tensor({_TWICE}),), w, "
           "accumulate=True)", f"y.index_put_((jt.array({_TWICE}),), w, accumulate=True)",
           f"y = x.scatter(0, {_ROWS}, w, reduce='add')", "Jittor has no `index_put_`.",
           x=real(4, 3), w=weight(3, 3)),
    numeric("index_add", f"x.index_add(0, torch.tensor({_TWICE}), w)", x=real(4, 3),
            w=weight(3, 3), cases=_CASES, workaround=f"x.scatter(0, {_ROWS}, w, reduce='add')",
            note="Jittor has no `index_add`, and its `index_add_` adds one row of those with the "
            "same index."),
    _write("index_add_, dimension 1", "y.index_add_(1, torch.tensor([0, 2]), w)",
           "y.index_add_(1, jt.array([0, 2]), w)", x=real(4, 3), w=weight(4, 2),
           note="Jittor compares the length of the index with dimension 0, whatever `dim` is.",
           workaround="y[:, jt.array([0, 2])] += w"),
    numeric("index_copy", "x.index_copy(0, torch.tensor([0, 2]), w)",
            "x.index_copy(0, jt.array([0, 2]), w)", x=real(4, 3), w=weight(2, 3),
            workaround="y = x.clone()\ny[jt.array([0, 2])] = w\ny",
            note="Jittor has no `index_copy`."),
    numeric("index_fill", "x.index_fill(0, torch.tensor([0, 2]), 7.0)",
            "jt.index_fill_(x, 0, jt.array([0, 2]), 7.0)", x=real(4, 3),
            note="Named `index_fill_` in Jittor, and not in place."),
    numeric("scatter of a number", "x.scatter(0, j, 7.0)", x=real(4, 3), j=index(1, 3, below=4),
            workaround="x.scatter(0, j, jt.array(7.0).cast(x.dtype))",
            note="Jittor accepts a tensor, of one element as well."),
    numeric("scatter, dimension 1", "x.scatter(1, j, w)", x=real(4, 3), j=index(4, 1, below=3),
            w=weight(4, 1), cases=_CASES),
    numeric("scatter, negative dimension", "x.scatter(-1, j, w)", x=real(4, 3),
            j=index(4, 1, below=3), w=weight(4, 1), cases=_CASES),
    numeric("scatter_add of repeats", "x.scatter_add(0, j, w)", "x.scatter(0, j, w, reduce='add')",
            x=real(4, 3), j=index(6, 3, below=4), w=weight(6, 3), cases=_CASES),
    numeric("scatter_add by its name", "x.scatter_add(0, j, w)", x=real(4, 3),
            j=index(6, 3, below=4), w=weight(6, 3), workaround="x.scatter(0, j, w, reduce='add')",
            note="Jittor has no `scatter_add`."),
    numeric("scatter, multiply", "x.scatter(0, j, w, reduce='multiply')", x=real(4, 3),
            j=index(1, 3, below=4), w=weight(1, 3), gradient=False),
    numeric("scatter, multiply, repeats", "x.scatter_reduce(0, j, w, 'prod')",
            "x.scatter(0, j, w, reduce='multiply')", x=real(4, 3), j=index(6, 3, below=4),
            w=weight(6, 3), gradient=False),
    *(
        numeric(f"scatter_reduce, {kind}", f"x.scatter_reduce(0, j, w, '{kind}')", x=real(4, 3),
                j=index(6, 3, below=4), w=weight(6, 3), gradient=False,
                workaround=workaround, note="Jittor has no `scatter_reduce`.")
        for kind, workaround in (
            ("sum", "x.scatter(0, j, w, reduce='add')"),
            ("amax", "x.scatter(0, j, w, reduce='maximum')"),
            ("mean", "x.scatter(0, j, w, reduce='add') / "
             "jt.ones_like(x).scatter(0, j, jt.ones_like(w), reduce='add')"),
        )
    ),
    _write("scatter_ in place", "y.scatter_(0, j, w)", x=real(4, 3), j=index(1, 3, below=4),
           w=weight(1, 3)),
    numeric("sum of rows by segment", "torch.zeros(4, 3, dtype=w.dtype).index_add(0, i, w)",
            f"{_ONE_HOT.replace('x.dtype', 'w.dtype')}.t() @ w", i=index(5, below=4),
            w=real(5, 3)),
    numeric("gradient of a tensor that was written into",
            "y = x * 1\ny[0] = y[1] * 2\ny * y", cases=_CASES, inputs=_X),
    numeric("gradient of a value that was written", "y = torch.zeros(4, 3, dtype=x.dtype)\n"
            "y[1:] = x[:3]\ny * y", "y = jt.zeros((4, 3), dtype=x.dtype)\ny[1:] = x[:3]\ny * y",
            inputs=_X),
    numeric("row and column by None", "x[:, None] * x[None]", cases=_CASES, inputs=_X),
    numeric("ellipsis", "x[..., 1]", cases=_CASES, inputs=_X),
    numeric("a list of rows", "x[[0, 2, 2]]", cases=_CASES, inputs=_X),
    numeric("slice and index", "x[1:, torch.tensor([0, 2, 2])]", "x[1:, jt.array([0, 2, 2])]",
            cases=_CASES, inputs=_X),
    numeric("indices that broadcast", "x[torch.tensor([[0], [2]]), torch.tensor([0, 1])]",
            "x[jt.array([[0], [2]]), jt.array([0, 1])]", cases=_CASES, inputs=_X),
    numeric("index and slice between", "x[torch.tensor([0, 1]), :, torch.tensor([1, 2])]",
            "x[jt.array([0, 1]), :, jt.array([1, 2])]", x=real(2, 3, 4), cases=_CASES),
    numeric("mask of rows", "x[x[:, 0] > 0]", cases=_CASES, inputs=_X),
    numeric("mask and column", "x[x[:, 0] > 0, 1]", cases=_CASES, inputs=_X),
    numeric("an integer tensor of one element", "x[torch.tensor(1)]", "x[jt.array(1)]",
            note="The result keeps a dimension of 1: Jittor has no zero-dimensional tensors.",
            workaround="x[jt.array(1)].squeeze(0)", inputs=_X),
    numeric("a slice beyond the end", "x[2:9]", cases=_CASES, inputs=_X),
    numeric("a slice from the end", "x[-2:]", cases=_CASES, inputs=_X),
    numeric("an empty slice", "x[2:2]", gradient=False, inputs=_X),
    rule("nonzero of a vector", "torch.nonzero(torch.tensor([0, 3, 4])).tolist()",
         "jt.nonzero(jt.array([0, 3, 4])).tolist()"),
    rule("nonzero, as_tuple",
         "torch.nonzero(torch.tensor([0, 3, 4]), as_tuple=True)[0].tolist()",
         "jt.nonzero(jt.array([0, 3, 4]), as_tuple=True)[0].tolist()",
         workaround="jt.nonzero(jt.array([0, 3, 4]))[:, 0].tolist()",
         note="Jittor's function has no argument `as_tuple`."),
    rule("argwhere", "torch.argwhere(torch.tensor([0, 3])).tolist()",
         "jt.argwhere(jt.array([0, 3])).tolist()",
         workaround="jt.nonzero(jt.array([0, 3])).tolist()", note="Jittor has no `argwhere`."),
    rule("one_hot without the number of classes",
         "F.one_hot(torch.tensor([0, 2])).tolist()", "jt.nn.one_hot(jt.array([0, 2])).tolist()"),
    rule("one_hot of two dimensions", "list(F.one_hot(torch.tensor([[0, 2]]), 3).shape)",
         "list(jt.nn.one_hot(jt.array([[0, 2]]), 3).shape)"),
    rule("iteration over rows", "[r.sum().item() for r in torch.ones(2, 3)]",
         "[r.sum().item() for r in jt.ones((2, 3))]"),
    rule("membership", "1.0 in torch.ones(2)", "1.0 in jt.ones(2)"),
    rule("nll_loss and the caller's weights",
         "w = torch.ones(3)\nF.nll_loss(torch.zeros(1, 3), torch.tensor([0]), w, ignore_index=1)\n"
         "w.tolist()",
         "w = jt.ones(3)\njt.nn.nll_loss(jt.zeros((1, 3)), jt.array([0]), w, ignore_index=1)\n"
         "w.tolist()", note="Jittor writes 0 into the caller's tensor of weights.",
         workaround="w = jt.ones(3)\njt.nn.nll_loss(jt.zeros((1, 3)), jt.array([0]), w.clone(), "
         "ignore_index=1)\nw.tolist()"),
)  # fmt: skip
