"""Einstein summation, products under other names, and functions of matrices."""

from collections.abc import Mapping

from parity.atlas.entry import Entry, InputSpec, numeric, real, rule, weight

_CASES = ("ordinary", "nan")
_MATRIX = {"x": real(3, 4)}
_SQUARE = {"x": real(3, 3)}
_A = "a = x + 3 * torch.eye(3, dtype=x.dtype)\n"
_JA = "a = x + 3 * jt.init.eye((3, 3), str(x.dtype))\n"


def _einsum(
    equation: str, topic: str, inputs: Mapping[str, InputSpec] | None = None, **named: InputSpec
) -> Entry:
    inputs = {**(inputs or {}), **named}
    operands = ", ".join(inputs)
    return numeric(
        f"einsum {equation}, {topic}", f"torch.einsum('{equation}', {operands})",
        f"jt.linalg.einsum('{equation}', {operands})", cases=("ordinary", "zeros"),
        inputs=inputs,
    )  # fmt: skip


def _matrix(
    name: str, torch: str, jittor: str = "", workaround: str = "", note: str = "", *,
    gradient: bool = True,
) -> Entry:  # fmt: skip
    return numeric(
        name, _A + torch, _JA + (jittor or torch.replace("torch.", "jt.")), gradient=gradient,
        workaround=workaround and _JA + workaround, note=note, inputs=_SQUARE,
    )  # fmt: skip


_B = {"x": real(2, 3, 4), "y": weight(2, 4, 5)}
ENTRIES = (
    _einsum("ij,jk->ik", "matrix product", x=real(3, 4), y=weight(4, 2)),
    _einsum("bij,bjk->bik", "batched product", inputs=_B),
    _einsum("bhid,bhjd->bhij", "attention scores", x=real(1, 2, 3, 4), y=weight(1, 2, 5, 4)),
    _einsum("nchw,kc->nkhw", "convolution of 1 by 1", x=real(1, 2, 3, 2), y=weight(3, 2)),
    _einsum("ij->ji", "transpose", inputs=_MATRIX),
    _einsum("ij->", "sum of all", inputs=_MATRIX),
    _einsum("ij->i", "sum of rows", inputs=_MATRIX),
    _einsum("ii->", "trace", inputs=_SQUARE),
    _einsum("ii->i", "diagonal", inputs=_SQUARE),
    _einsum("i,j->ij", "outer product", x=real(3), y=weight(4)),
    _einsum("i,i->", "inner product", x=real(3), y=weight(3)),
    _einsum("ij,ij->i", "products of rows", x=real(3, 4), y=weight(3, 4)),
    _einsum("ij,kl->ijkl", "tensor product", x=real(2, 3), y=weight(2, 2)),
    _einsum("...ij,...jk->...ik", "ellipsis", inputs=_B),
    _einsum("ij,jk", "implicit output", x=real(3, 4), y=weight(4, 2)),
    _einsum("ij,jk,kl->il", "three operands", x=real(3, 4), y=weight(4, 2), z=weight(2, 3)),
    _einsum("bi,ijk,bk->bj", "bilinear form", x=real(2, 3), y=weight(3, 4, 2), z=weight(2, 2)),
    numeric("einsum under jt", "torch.einsum('ij,jk->ik', x, y)", x=real(3, 4), y=weight(4, 2)),
    numeric("mm", "torch.mm(x, y)", x=real(3, 4), y=weight(4, 2), workaround="x @ y",
            note="Jittor has no `mm`."),
    numeric("mv", "torch.mv(x, y)", x=real(3, 4), y=weight(4), workaround="x @ y",
            note="Jittor has no `mv`."),
    numeric("dot", "torch.dot(x, y)", x=real(4), y=weight(4), workaround="(x * y).sum()",
            note="Jittor has no `dot`."),
    numeric("addmm", "torch.addmm(z, x, y, beta=0.5, alpha=2)", x=real(3, 4), y=weight(4, 2),
            z=weight(2), workaround="0.5 * z + 2 * (x @ y)", note="Jittor has no `addmm`."),
    numeric("vdot", "torch.vdot(x, y)", x=real(4), y=weight(4), workaround="(x * y).sum()",
            note="Jittor has no `vdot`."),
    numeric("chain_matmul", "torch.linalg.multi_dot([x, y, z])", x=real(3, 4), y=weight(4, 2),
            z=weight(2, 3), workaround="x @ y @ z", note="Jittor has no `multi_dot`."),
    numeric("vector by matrix", "y @ x", x=real(4, 3), y=weight(4)),
    numeric("vector by batch of matrices", "y @ x", x=real(2, 4, 3), y=weight(4),
            workaround="(y.unsqueeze(0) @ x).squeeze(-2)",
            note="Jittor sums over the first dimension of the batch instead of the rows of the "
            "matrices."),
    numeric("batch of matrices by vector", "x @ y", x=real(2, 3, 4), y=weight(4)),
    numeric("matmul that broadcasts batches", "x @ y", x=real(2, 1, 3, 4), y=weight(3, 4, 2)),
    numeric("matmul method", "x.matmul(y)", x=real(3, 4), y=weight(4, 2)),
    numeric("bmm method", "x.bmm(y)", inputs=_B,
            note="Jittor's tensors have no method `bmm`.",
            workaround='jt.nn.bmm(x, y)'),
    numeric("transpose by .T", "x.T", workaround="x.t()",
            note="Jittor's tensors have no attribute `T`.", inputs=_MATRIX),
    numeric("transpose by .mT", "x.mT", x=real(2, 3, 4), workaround="x.transpose(-2, -1)",
            note="Jittor's tensors have no attribute `mT`."),
    numeric("t()", "x.t()", inputs=_MATRIX),
    numeric("trace", "torch.trace(x)", workaround="jt.diag(x).sum()",
            note="Jittor has no `trace`.", inputs=_SQUARE),
    numeric("outer of unequal vectors", "torch.outer(x, y)", x=real(3), y=weight(2)),
    numeric("cross, last dimension by default", "torch.linalg.cross(x, y)", "jt.cross(x, y)",
            x=real(4, 3), y=weight(4, 3)),
    numeric("cross, negative dimension", "torch.cross(x, y, dim=-1)", "jt.cross(x, y, -1)",
            x=real(4, 3), y=weight(4, 3)),
    _matrix("inverse by inverse", "torch.inverse(a)", "jt.inverse(a)", "jt.linalg.inv(a)",
            "It is `jt.linalg.inv`."),
    _matrix("pinv", "torch.linalg.pinv(a)"),
    numeric("pinv, four by three", "torch.linalg.pinv(x)", x=real(4, 3)),
    _matrix("slogdet", "torch.linalg.slogdet(a)[1]"),
    _matrix("slogdet, sign", "torch.linalg.slogdet(-a)[0]", gradient=False),
    _matrix("logdet", "torch.logdet(a)", "jt.logdet(a)", "jt.linalg.slogdet(a)[1]",
            "Jittor has no `logdet`."),
    _matrix("determinant of a batch", "torch.linalg.det(torch.stack([a, 2 * a]))"),
    numeric("gradient of a singular determinant", "torch.linalg.det(x * 0)", inputs=_SQUARE,
            note="The gradient contains the inverse of the matrix.",),
    _matrix("matrix_power", "torch.linalg.matrix_power(a, 3)", workaround="a @ a @ a",
            note="Jittor has no `matrix_power`."),
    _matrix("matrix_exp", "torch.linalg.matrix_exp(a / 10)", note="Jittor has no `matrix_exp`."),
    _matrix("solve, right-hand side alone", "torch.linalg.solve(a.detach(), x)",
            "jt.linalg.solve(a.detach(), x)", "jt.linalg.inv(a.detach()) @ x",
            "The gradient with respect to the right-hand side is zero."),
    _matrix("solve, matrix alone", "torch.linalg.solve(a, a.detach())",
            "jt.linalg.solve(a, a.detach())"),
    _matrix("solve, a vector", "torch.linalg.solve(a, x[0].detach())",
            "jt.linalg.solve(a, x[0].detach())"),
    numeric("lstsq", "torch.linalg.lstsq(x, y)[0]", x=real(4, 2), y=weight(4, 1),
            workaround="jt.linalg.inv(x.t() @ x) @ (x.t() @ y)", note="Jittor has no `lstsq`."),
    _matrix("triangular solve", "torch.linalg.solve_triangular(torch.triu(a), x, upper=True)",
            workaround="jt.linalg.inv(jt.triu(a)) @ x", note="Jittor has no `solve_triangular`."),
    _matrix("svd, reconstruction", "u, s, v = torch.linalg.svd(a)\n(u * s) @ v",
            "u, s, v = jt.linalg.svd(a)\n(u * s) @ v",
            note='The product of the three factors is the matrix, and its gradient in Jittor is '
            'not that of the matrix: those of the singular vectors are wrong.'),
    numeric("singular values, four by three", "torch.linalg.svd(x, full_matrices=False)[1]",
            "jt.linalg.svd(x)[1]", x=real(4, 3)),
    numeric("singular values, three by four", "torch.linalg.svd(x, full_matrices=False)[1]",
            "jt.linalg.svd(x)[1]", x=real(3, 4)),
    _matrix("svd by torch.svd", "torch.svd(a)[1]", "jt.svd(a)[1]", "jt.linalg.svd(a)[1]",
            "It is `jt.linalg.svd`."),
    _matrix("eigenvectors of a symmetric matrix, reconstruction",
            "w, v = torch.linalg.eigh(a + a.T)\n(v * w) @ v.T",
            "w, v = jt.linalg.eigh(a + a.t())\n(v * w) @ v.t()"),
    _matrix("qr, reconstruction", "q, r = torch.linalg.qr(a)\nq @ r",
            "q, r = jt.linalg.qr(a)\nq @ r"),
    _matrix("cholesky by torch.cholesky", "torch.linalg.cholesky(a @ a.T)",
            "jt.cholesky(a @ a.t())", "jt.linalg.cholesky(a @ a.t())",
            "It is `jt.linalg.cholesky`."),
    numeric("vector norm", "torch.linalg.vector_norm(x)", workaround="jt.sqrt((x * x).sum())",
            note="Jittor has no `vector_norm`.", inputs=_MATRIX),
    numeric("matrix norm", "torch.linalg.matrix_norm(x)", workaround="jt.sqrt((x * x).sum())",
            note="Jittor has no `matrix_norm`.", inputs=_MATRIX),
    numeric("norm by linalg", "torch.linalg.norm(x)", workaround="jt.sqrt((x * x).sum())",
            note="Jittor has no `linalg.norm`.", inputs=_MATRIX),
    rule("matrix_rank", "torch.linalg.matrix_rank(torch.ones(2, 2)).item()",
         workaround="int((jt.linalg.svd(jt.ones((2, 2)))[1] > 1e-5).sum().item())",
         note="Jittor has no `matrix_rank`."),
    rule("matmul of sizes that do not fit", "(torch.ones(2, 3) @ torch.ones(2, 3)).shape",
         "(jt.ones((2, 3)) @ jt.ones((2, 3))).shape", note="Both refuse them."),
    rule("matmul of integers", "(torch.tensor([[1, 2]]) @ torch.tensor([[3], [4]])).tolist()",
         "(jt.array([[1, 2]]) @ jt.array([[3], [4]])).tolist()"),
)  # fmt: skip
