"""Einstein summation."""

from collections.abc import Mapping

from parity.atlas.entry import Entry, InputSpec, numeric, real, weight

_MATRIX = {"x": real(3, 4)}
_SQUARE = {"x": real(3, 3)}


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
)  # fmt: skip
