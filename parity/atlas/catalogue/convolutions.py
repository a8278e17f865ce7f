"""Convolutions, their transposes, and recurrent layers with given weights."""

from parity.atlas.entry import Draw, Entry, real, weight

_CASES = ("ordinary", "large offset", "nan", "one row")


def _conv(
    name: str, torch: str, jittor: str, w: Draw, *shape: int, workaround: str = "", note: str = ""
) -> Entry:
    return Entry(
        name=name, torch=torch, jittor=jittor, inputs={"x": real(*shape), "w": w}, cases=_CASES,
        workaround=workaround, note=note,
    )  # fmt: skip


def _cell(
    name: str, torch: str, jittor: str, gates: int, note: str = "", workaround: str = ""
) -> Entry:
    def whole(source: str, library: str) -> str:
        fill = "p.data = v.detach()" if library == "torch" else "p.assign(v.detach())"
        return (
            f"m = {library}.nn.{name.split(',')[0]}(3, 2{source})\n"
            f"for p, v in zip(m.parameters(), (u, w, b, b)):\n    {fill}\n"
        )

    options, torch_call = torch.split("|")
    jittor_options, jittor_call = jittor.split("|")
    return Entry(
        name=name, torch=whole(options, "torch") + torch_call,
        jittor=whole(jittor_options, "jt") + jittor_call,
        inputs={"x": real(4, 5, 3) if "Cell" not in name else real(5, 3),
                "u": weight(2 * gates, 3), "w": weight(2 * gates, 2), "b": weight(2 * gates)},
        cases=("ordinary", "large magnitude"), note=note,
        workaround=workaround and whole(jittor_options, "jt") + workaround,
    )  # fmt: skip


ENTRIES = (
    _conv("conv2d", "F.conv2d(x, w)", "jt.nn.conv2d(x, w)", weight(3, 2, 3, 3), 1, 2, 4, 5),
    _conv(
        "conv2d, strides",
        "F.conv2d(x, w, stride=(2, 1), padding=1)",
        "jt.nn.conv2d(x, w, stride=(2, 1), padding=1)",
        weight(3, 2, 3, 3),
        1,
        2,
        4,
        5,
    ),
    _conv(
        "conv2d, dilation",
        "F.conv2d(x, w, dilation=2, padding=2)",
        "jt.nn.conv2d(x, w, dilation=2, padding=2)",
        weight(3, 2, 3, 3),
        1,
        2,
        4,
        5,
    ),
    _conv(
        "conv2d, groups",
        "F.conv2d(x, w, groups=2)",
        "jt.nn.conv2d(x, w, groups=2)",
        weight(4, 2, 3, 3),
        1,
        4,
        4,
        5,
    ),
    _conv(
        "conv2d, depthwise",
        "F.conv2d(x, w, groups=4)",
        "jt.nn.conv2d(x, w, groups=4)",
        weight(4, 1, 3, 3),
        1,
        4,
        4,
        5,
    ),
    _conv(
        "conv2d, padding 'same'",
        "F.conv2d(x, w, padding='same')",
        "jt.nn.conv2d(x, w, padding='same')",
        weight(3, 2, 3, 3),
        1,
        2,
        4,
        5,
        workaround="jt.nn.conv2d(x, w, padding=1)",
        note="Jittor takes numbers only.",
    ),
    _conv(
        "conv1d",
        "F.conv1d(x, w, padding=1)",
        "m = jt.nn.Conv1d(2, 3, 3, padding=1, bias=False)\nm.weight.assign(w)\nm(x)",
        weight(3, 2, 3),
        1,
        2,
        6,
    ),
    _conv("conv3d", "F.conv3d(x, w)", "jt.nn.conv3d(x, w)", weight(3, 2, 2, 2, 2), 1, 2, 3, 3, 3),
    _conv(
        "conv_transpose2d",
        "F.conv_transpose2d(x, w, stride=2)",
        "jt.nn.conv_transpose(x, w, stride=2)",
        weight(2, 3, 3, 3),
        1,
        2,
        3,
        4,
    ),
    _conv(
        "conv_transpose2d, padding",
        "F.conv_transpose2d(x, w, stride=2, padding=1, output_padding=1)",
        "jt.nn.conv_transpose(x, w, stride=2, padding=1, output_padding=1)",
        weight(2, 3, 3, 3),
        1,
        2,
        3,
        4,
    ),
    _conv(
        "conv_transpose2d, dilation",
        "F.conv_transpose2d(x, w, dilation=2)",
        "jt.nn.conv_transpose(x, w, dilation=2)",
        weight(2, 3, 2, 2),
        1,
        2,
        3,
        4,
    ),
    _conv(
        "conv_transpose2d, groups",
        "F.conv_transpose2d(x, w, stride=2, groups=2)",
        "jt.nn.conv_transpose(x, w, stride=2, groups=2)",
        weight(4, 1, 3, 3),
        1,
        4,
        3,
        4,
        note="oneDNN, which float32 goes to, has it right; Jittor's own kernel mixes groups.",
    ),
    Entry(
        name="conv2d of one image without a batch",
        torch="F.conv2d(x, w)",
        jittor="jt.nn.conv2d(x, w)",
        inputs={"x": real(2, 4, 5), "w": weight(3, 2, 3, 3)},
        cases=("ordinary",),
        workaround="jt.nn.conv2d(x.unsqueeze(0), w).squeeze(0)",
    ),
    Entry(
        name="conv2d of too few channels",
        kind="rule",
        torch="list(F.conv2d(torch.ones(1, 1, 4, 4), torch.ones(3, 2, 3, 3)).shape)",
        jittor="list(jt.nn.conv2d(jt.ones((1, 1, 4, 4)), jt.ones((3, 2, 3, 3))).numpy().shape)",
    ),
    Entry(
        name="unfold",
        torch="F.unfold(x, 2, stride=1, padding=1)",
        jittor="jt.nn.unfold(x, 2, stride=1, padding=1)",
        inputs={"x": real(1, 2, 3, 4)},
        cases=("ordinary", "nan"),
    ),
    Entry(
        name="fold",
        torch="F.fold(x, (3, 4), 2)",
        jittor="jt.nn.fold(x, (3, 4), 2)",
        inputs={"x": real(1, 8, 6)},
        cases=("ordinary", "nan"),
    ),
    _cell("RNN", "|m(x)[0]", "|m(x)[0]", 1),
    _cell("LSTM", "|m(x)[0]", "|m(x)[0]", 4),
    _cell("LSTM, last state", "|m(x)[1][1]", "|m(x)[1][1]", 4),
    _cell("GRU", "|m(x)[0]", "|m(x)[0]", 3),
    _cell(
        "LSTM, batch_first",
        ", batch_first=True|m(x)[0]",
        ", batch_first=True|m(x)[0]",
        4,
        "Jittor takes the batch first and returns it second.",
        "m(x)[0].transpose(1, 0, 2)",
    ),
    _cell("LSTMCell", "|m(x)[0]", "|m(x)[0]", 4),
    _cell("GRUCell", "|m(x)", "|m(x)", 3),
    _cell("RNNCell", "|m(x)", "|m(x)", 1),
)
