"""Reading and writing by index, slice and mask."""

from parity.atlas.entry import Entry, index, real, rule, weight

_CASES = ("ordinary", "nan")


_I = {"x": real(4, 3), "i": index(5, below=4)}
ENTRIES = (
    Entry(name="rows by index", torch="x[i]", jittor="x[i]", inputs=_I, cases=_CASES),
    Entry(
        name="pairs of indices", torch="x[i, i % 3]", jittor="x[i, i % 3]", inputs=_I, cases=_CASES
    ),
    Entry(
        name="slices with a step",
        torch="x[::2, 1:]",
        jittor="x[::2, 1:]",
        inputs={"x": real(4, 3)},
        cases=_CASES,
    ),
    Entry(
        name="negative index", torch="x[-1]", jittor="x[-1]", inputs={"x": real(4, 3)}, cases=_CASES
    ),
    Entry(
        name="negative step",
        torch="torch.flip(x, (0,))",
        jittor="x[::-1]",
        inputs={"x": real(4, 3)},
        cases=_CASES,
        note="PyTorch does not accept a negative step; `flip` is its equivalent.",
    ),
    Entry(
        name="negative index in a tensor",
        torch="x[i - 4]",
        jittor="x[i - 4]",
        inputs=_I,
        cases=_CASES,
        workaround="n = x.shape[0]\nj = i - 4\nx[jt.ternary(j < 0, j + n, j)]",
        note="Jittor reads the right elements, but their gradient is zero.",
    ),
    Entry(name="mask", torch="x[x > 0]", jittor="x[x > 0]", inputs={"x": real(4, 3)}, cases=_CASES),
    Entry(
        name="masked_fill",
        torch="x.masked_fill(x > 0, 7.0)",
        jittor="x.masked_fill(x > 0, 7.0)",
        inputs={"x": real(4, 3)},
        cases=_CASES,
    ),
    Entry(
        name="writing a slice",
        torch="y = x.clone()\ny[1:3] = 0.5\ny",
        jittor="y = x.clone()\ny[1:3] = 0.5\ny",
        inputs={"x": real(4, 3)},
        cases=_CASES,
    ),
    Entry(
        name="writing rows by index",
        torch="y = x.clone()\ny[torch.tensor([0, 2])] = w\ny",
        jittor="y = x.clone()\ny[jt.array([0, 2])] = w\ny",
        inputs={"x": real(4, 3), "w": weight(2, 3)},
        cases=_CASES,
    ),
    Entry(
        name="adding at an index twice",
        torch="y = x.clone()\ny[torch.tensor([1, 1])] += w\ny",
        jittor="y = x.clone()\ny[jt.array([1, 1])] += w\ny",
        inputs={"x": real(4, 3), "w": weight(1, 3)},
        cases=_CASES,
    ),
    Entry(
        name="gather",
        torch="torch.gather(x, 0, i.reshape(-1, 1))",
        jittor="jt.gather(x, 0, i.reshape(-1, 1))",
        inputs=_I,
        cases=_CASES,
    ),
    Entry(
        name="scatter",
        torch="x.scatter(0, i[:2].reshape(1, -1), w)",
        jittor="x.scatter(0, i[:2].reshape(1, -1), w)",
        inputs={"x": real(4, 3), "i": index(5, below=4), "w": weight(1, 2)},
        cases=_CASES,
    ),
    Entry(
        name="scatter, add",
        torch="x.scatter_add(0, i.reshape(-1, 1), w)",
        jittor="x.scatter(0, i.reshape(-1, 1), w, reduce='add')",
        inputs={"x": real(4, 3), "i": index(5, below=4), "w": weight(5, 1)},
        cases=_CASES,
    ),
    Entry(
        name="index_select",
        torch="torch.index_select(x, 0, i)",
        jittor="jt.index_select(x, 0, i)",
        inputs=_I,
        cases=_CASES,
    ),
    Entry(
        name="index_add_",
        torch="y = x.clone()\ny.index_add_(0, torch.tensor([1, 1]), w)\ny",
        jittor="y = x.clone()\ny.index_add_(0, jt.array([1, 1]), w)\ny",
        inputs={"x": real(4, 3), "w": weight(2, 3)},
        cases=_CASES,
        workaround="y = x.scatter(0, jt.array([[1, 1, 1], [1, 1, 1]]), w, reduce='add')\ny",
        note="Where an index occurs twice, Jittor adds one of the two rows.",
    ),
    Entry(
        name="diagonal of a matrix",
        torch="torch.diag(x)",
        jittor="jt.diag(x)",
        inputs={"x": real(4, 4)},
        cases=_CASES,
    ),
    Entry(
        name="triu",
        torch="torch.triu(x, 1)",
        jittor="jt.triu(x, 1)",
        inputs={"x": real(4, 3)},
        cases=_CASES,
    ),
    Entry(
        name="tril",
        torch="torch.tril(x, -1)",
        jittor="jt.tril(x, -1)",
        inputs={"x": real(4, 3)},
        cases=_CASES,
    ),
    Entry(
        name="embedding",
        torch="F.embedding(i, x)",
        jittor="jt.nn.embedding(i, x)",
        inputs=_I,
        cases=_CASES,
    ),
    Entry(
        name="one_hot",
        torch="F.one_hot(i, 4)",
        jittor="jt.nn.one_hot(i, 4)",
        inputs={"i": index(5, below=4)},
        cases=("ordinary",),
        gradient=False,
    ),
    Entry(
        name="nonzero",
        torch="torch.nonzero(x > 0)",
        jittor="jt.nonzero(x > 0)",
        inputs={"x": real(4, 3)},
        cases=_CASES,
        gradient=False,
    ),
    rule(
        "an index out of range",
        "torch.tensor([1.0, 2.0])[torch.tensor([5])].shape",
        "jt.array([1.0, 2.0])[jt.array([5])].numpy().shape",
        note="Jittor reads memory outside the tensor.",
    ),
    rule(
        "an integer out of range",
        "torch.tensor([1.0, 2.0])[5].shape",
        "jt.array([1.0, 2.0])[5].numpy().shape",
    ),
    rule(
        "an embedding's index out of range",
        "F.embedding(torch.tensor([3]), torch.ones(2, 2)).shape",
        "jt.nn.embedding(jt.array([3]), jt.ones((2, 2))).numpy().shape",
        note="A vocabulary that is one too small is the usual reason.",
    ),
    rule(
        "one_hot of a class out of range",
        "F.one_hot(torch.tensor([3]), 2).tolist()",
        "jt.nn.one_hot(jt.array([3]), 2).tolist()",
        note="Jittor returns a row of zeros.",
    ),
    rule(
        "a gather out of range",
        "torch.gather(torch.ones(2, 2), 0, torch.tensor([[4, 4]])).shape",
        "jt.gather(jt.ones((2, 2)), 0, jt.array([[4, 4]])).numpy().shape",
        note="Jittor reads memory outside the tensor.",
    ),
    rule(
        "the gradient of padding_idx",
        "m = torch.nn.Embedding(3, 2, padding_idx=0)\nm(torch.tensor([0, 1])).sum().backward()\n"
        "m.weight.grad.tolist()",
        "m = jt.nn.Embedding(3, 2, padding_idx=0)\njt.grad(m(jt.array([0, 1])).sum(), m.weight)"
        ".tolist()",
        "m = jt.nn.Embedding(3, 2, padding_idx=0)\ni = jt.array([0, 1])\n"
        "y = m(i) * (i != 0).float().unsqueeze(-1)\njt.grad(y.sum(), m.weight).tolist()",
        "The padding row of Jittor receives a gradient.",
    ),
)
