"""Matrix products, decompositions, and attention."""

from parity.atlas.entry import Entry, InputSpec, numeric, real, weight

_CASES = ("ordinary", "zeros", "large offset", "large magnitude", "infinity", "nan", "empty")


def _product(
    name: str, torch: str, jittor: str, workaround: str = "", note: str = "", **inputs: InputSpec
) -> Entry:
    # Where every input has the first dimension, a case that cuts it in one of them fits none.
    shared = [spec.shape[:1] for spec in inputs.values()]
    cases = _CASES[:-1] if shared.count(shared[0]) > 1 else _CASES
    return numeric(
        name, torch, jittor, cases=cases, workaround=workaround, note=note, inputs=inputs
    )


def _square(
    name: str,
    torch: str,
    jittor: str,
    *,
    gradient: bool = True,
    workaround: str = "",
    note: str = "",
) -> Entry:
    matrix = "a = x + 3 * jt.init.eye((3, 3), str(x.dtype))\n"
    return Entry(
        name=name, torch="a = x + 3 * torch.eye(3)\n" + torch, jittor=matrix + jittor,
        inputs={"x": real(3, 3)}, cases=("ordinary",), gradient=gradient,
        workaround=workaround and matrix + workaround, note=note,
    )  # fmt: skip


_QKV = {"x": real(2, 3, 4), "k": weight(2, 5, 4), "v": weight(2, 5, 4)}
ENTRIES = (
    _product("matmul", "x @ y", "x @ y", x=real(3, 4), y=weight(4, 2)),
    _product("matmul, batched", "x @ y", "x @ y", x=real(2, 3, 4), y=weight(2, 4, 2)),
    _product("matmul, broadcast", "x @ y", "x @ y", x=real(2, 3, 4), y=weight(4, 2)),
    _product("matrix by vector", "x @ y", "x @ y", x=real(3, 4), y=weight(4)),
    _product("vector by vector", "x @ y", "x @ y", x=real(4), y=weight(4)),
    _product("bmm", "torch.bmm(x, y)", "jt.nn.bmm(x, y)", x=real(2, 3, 4), y=weight(2, 4, 2)),
    _product(
        "baddbmm",
        "torch.baddbmm(z, x, y, beta=0.5, alpha=2)",
        "jt.nn.baddbmm(z, x, y, beta=0.5, alpha=2)",
        x=real(2, 3, 4),
        y=weight(2, 4, 2),
        z=weight(2, 3, 2),
    ),
    _product(
        "linear",
        "F.linear(x, w, b)",
        "jt.nn.linear(x, w, b)",
        x=real(3, 4),
        w=weight(2, 4),
        b=weight(2),
    ),
    _product(
        "bilinear",
        "F.bilinear(x, y, w, b)",
        "jt.nn.bilinear(x, y, w, b)",
        x=real(3, 4),
        y=weight(3, 2),
        w=weight(5, 4, 2),
        b=weight(5),
    ),
    _product(
        "einsum",
        "torch.einsum('bij,bjk->ik', x, y)",
        "jt.linalg.einsum('bij,bjk->ik', x, y)",
        x=real(2, 3, 4),
        y=weight(2, 4, 2),
    ),
    _product("outer", "torch.outer(x, y)", "jt.outer(x, y)", x=real(3), y=weight(4)),
    _product("kron", "torch.kron(x, y)", "jt.nn.kron(x, y)", x=real(2, 3), y=weight(3, 2)),
    _product(
        "tensordot",
        "torch.tensordot(x, y, 1)",
        "jt.nn.tensordot(x, y, 1)",
        x=real(2, 3),
        y=weight(3, 4),
    ),
    _product(
        "tensordot, all dimensions",
        "torch.tensordot(x, y, 2)",
        "jt.nn.tensordot(x, y, 2)",
        "(x * y).sum()",
        x=real(2, 3),
        y=weight(2, 3),
        note=(
            "Jittor cannot make a tensor without dimensions, which the result of a full "
            "contraction is."
        ),
    ),
    _product(
        "tensordot, negative dimensions",
        "torch.tensordot(x, y, ([-1], [-2]))",
        "jt.nn.tensordot(x, y, ([-1], [-2]))",
        "jt.nn.tensordot(x, y, ([1], [0]))",
        x=real(2, 3),
        y=weight(3, 4),
        note="Jittor accepts dimensions counted from the start only.",
    ),
    Entry(
        name="cross",
        torch="torch.cross(x, y, dim=1)",
        jittor="jt.cross(x, y, 1)",
        inputs={"x": real(4, 3), "y": weight(4, 3)},
        cases=("ordinary", "large offset", "nan"),
    ),
    _square("inverse", "torch.linalg.inv(a)", "jt.linalg.inv(a)"),
    _square("determinant", "torch.linalg.det(a)", "jt.linalg.det(a)"),
    _square(
        "solve",
        "torch.linalg.solve(a, x)",
        "jt.linalg.solve(a, x)",
        workaround="jt.linalg.inv(a) @ x",
        note="The gradient with respect to the right-hand side is zero.",
    ),
    _square("cholesky", "torch.linalg.cholesky(a @ a.T)", "jt.linalg.cholesky(a @ a.t())"),
    _square("singular values", "torch.linalg.svd(a)[1]", "jt.linalg.svd(a)[1]"),
    _square(
        "eigenvalues of a symmetric matrix",
        "torch.linalg.eigh(a + a.T)[0]",
        "jt.linalg.eigh(a + a.t())[0]",
    ),
    _square(
        "triangular factor of qr",
        "torch.abs(torch.linalg.qr(a)[1])",
        "jt.abs(jt.linalg.qr(a)[1])",
        gradient=False,
    ),
    Entry(
        name="triangular factor of qr, four by three",
        torch="torch.abs(torch.linalg.qr(x)[1])",
        jittor="jt.abs(jt.linalg.qr(x)[1])",
        inputs={"x": real(4, 3)},
        cases=("ordinary",),
        gradient=False,
        note="Jittor fails where the matrix has more rows than columns.",
    ),
    Entry(
        name="attention",
        torch="F.scaled_dot_product_attention(x, k, v)",
        jittor="jt.attention.scaled_dot_product_attention(x, k, v)",
        inputs=_QKV,
        cases=("ordinary", "zeros", "large magnitude", "nan"),
    ),
    Entry(
        name="attention, causal",
        torch="F.scaled_dot_product_attention(x, k, v, is_causal=True)",
        jittor="jt.attention.scaled_dot_product_attention(x, k, v, is_causal=True)",
        inputs={"x": real(2, 4, 3), "k": weight(2, 4, 3), "v": weight(2, 4, 3)},
        cases=("ordinary", "large magnitude"),
    ),
    Entry(
        name="attention, masked",
        torch="m = torch.ones(3, 5, dtype=torch.bool).tril()\n"
        "F.scaled_dot_product_attention(x, k, v, attn_mask=m)",
        jittor="m = jt.tril(jt.ones((3, 5))).bool()\n"
        "jt.attention.scaled_dot_product_attention(x, k, v, attn_mask=m)",
        inputs=_QKV,
        cases=("ordinary", "large magnitude"),
        workaround="m = (jt.tril(jt.ones((3, 5))) - 1) * 1e9\n"
        "jt.attention.scaled_dot_product_attention(x, k, v, attn_mask=m.cast(x.dtype))",
        note="A mask of booleans raises an exception: pass one of numbers that are "
        "added to the scores. A row that is masked entirely gives an average then, and 0 in "
        "PyTorch.",
    ),
)
