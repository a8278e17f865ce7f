"""Functions of one number, and softmax."""

from parity.atlas.entry import Entry, real


def _pointwise(name: str, torch: str, jittor: str, mend: str = "", note: str = "") -> Entry:
    return Entry(
        name=name, torch=torch, jittor=jittor, inputs={"x": real(3, 4)}, pointwise=True, mend=mend,
        note=note,
    )  # fmt: skip


ENTRIES = (
    _pointwise("relu", "F.relu(x)", "jt.nn.relu(x)"),
    _pointwise(
        "silu", "F.silu(x)", "jt.nn.silu(x)",
        mend="x / (jt.exp(-x) + 1)",
        note="`sigmoid` holds its argument at -30, so the tail never decays.",
    ),
    _pointwise("softplus", "F.softplus(x)", "jt.nn.softplus(x)"),
    _pointwise("gelu", "F.gelu(x)", "jt.nn.gelu(x)"),
)  # fmt: skip
