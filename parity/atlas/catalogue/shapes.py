"""Permuting, splitting and joining; shapes that only one of the two accepts."""

from parity.atlas.entry import Entry, real, rule, weight


def _reshaped(
    name: str, torch: str, jittor: str = "", workaround: str = "", note: str = ""
) -> Entry:
    return Entry(
        name=name, torch=torch, jittor=jittor or torch, inputs={"x": real(2, 3, 4)},
        cases=("ordinary", "nan", "one row"), workaround=workaround, note=note,
    )  # fmt: skip


ENTRIES = (
    _reshaped(
        "transpose",
        "x.transpose(0, 2)",
        "x.transpose(0, 2)",
        note="Jittor swaps two dimensions as well, and also accepts a permutation.",
    ),
    _reshaped("permute", "x.permute(2, 0, 1)"),
    _reshaped("flatten", "x.flatten(1)"),
    _reshaped("reshape with -1", "x.reshape(-1, 2)"),
    _reshaped("squeeze", "x[:1].squeeze(0)"),
    _reshaped("unsqueeze", "x.unsqueeze(-1)"),
    _reshaped("repeat", "x.repeat(2, 1, 3)"),
    _reshaped("repeat, more dimensions", "x.repeat(2, 1, 1, 2)"),
    _reshaped(
        "repeat_interleave", "torch.repeat_interleave(x, 2, 1)", "jt.repeat_interleave(x, 2, 1)"
    ),
    _reshaped("expand", "x.unsqueeze(0).expand(5, -1, -1, -1)"),
    _reshaped("flip", "torch.flip(x, (0, 2))", "jt.flip(x, (0, 2))"),
    _reshaped("roll", "torch.roll(x, 2, 1)", "jt.roll(x, 2, 1)"),
    _reshaped(
        "roll, several dimensions", "torch.roll(x, (1, -2), (0, 2))", "jt.roll(x, (1, -2), (0, 2))"
    ),
    _reshaped(
        "roll without dims",
        "torch.roll(x, 1)",
        "jt.roll(x, 1)",
        "jt.roll(x.reshape(-1), 1, 0).reshape(x.shape)",
        "PyTorch flattens the tensor first.",
    ),
    _reshaped("cat", "torch.cat([x, x * 2], 1)", "jt.concat([x, x * 2], 1)"),
    _reshaped("stack", "torch.stack([x, x * 2], 1)", "jt.stack([x, x * 2], 1)"),
    _reshaped("chunk, uneven", "torch.chunk(x, 3, 2)", "jt.chunk(x, 3, 2)"),
    _reshaped("split, uneven", "torch.split(x, 3, 2)", "jt.split(x, 3, 2)"),
    _reshaped("unbind", "torch.unbind(x, 1)", "jt.unbind(x, 1)"),
    Entry(
        name="broadcasting",
        torch="x * y + y",
        jittor="x * y + y",
        inputs={"x": real(2, 3, 4), "y": weight(3, 1)},
        cases=("ordinary", "nan"),
    ),
    Entry(
        name="meshgrid",
        torch="torch.meshgrid(x, y, indexing='ij')",
        jittor="jt.meshgrid(x, y)",
        inputs={"x": real(3), "y": weight(2)},
        cases=("ordinary",),
    ),
    rule(
        "squeeze without dim",
        "list(torch.ones(1, 2, 1).squeeze().shape)",
        "list(jt.ones((1, 2, 1)).squeeze().shape)",
    ),
    rule(
        "reshaping to a wrong size",
        "list(torch.ones(2, 3).reshape(4, 2).shape)",
        "list(jt.ones((2, 3)).reshape((4, 2)).shape)",
    ),
    rule(
        "shapes that do not broadcast",
        "list((torch.ones(2, 3) + torch.ones(2)).shape)",
        "list((jt.ones((2, 3)) + jt.ones((2,))).shape)",
    ),
    rule("arange", "torch.arange(1, 2, 0.25).tolist()", "jt.arange(1, 2, 0.25).tolist()"),
    rule("linspace", "torch.linspace(0, 1, 5).tolist()", "jt.linspace(0, 1, 5).tolist()"),
    rule(
        "linspace of one",
        "torch.linspace(2, 3, 1).tolist()",
        "jt.linspace(2, 3, 1).tolist()",
        note=(
            "With one step `linspace` returns its first argument as it is: an integer stays one."
        ),
    ),
    rule("len of an empty tensor", "len(torch.zeros(0, 3))", "len(jt.zeros((0, 3)))"),
    rule(
        "a view that is written",
        "x = torch.zeros(3)\ny = x[:2]\ny += 1\nx.tolist()",
        "x = jt.zeros(3)\ny = x[:2]\ny += 1\nx.tolist()",
        "x = jt.zeros(3)\nx[:2] = x[:2] + 1\nx.tolist()",
        "A slice is a copy in Jittor and a view in PyTorch.",
    ),
)
