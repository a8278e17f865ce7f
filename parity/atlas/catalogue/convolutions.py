"""Convolutions, transposed convolutions, and recurrent layers with given weights."""

from parity.atlas.entry import Entry, InputSpec, real, weight

_CASES = ("ordinary", "large offset", "nan", "one row")


def _conv(
    name: str,
    torch: str,
    jittor: str,
    w: InputSpec,
    *shape: int,
    workaround: str = "",
    note: str = "",
) -> Entry:
    return Entry(
        name=name, torch=torch, jittor=jittor, inputs={"x": real(*shape), "w": w}, cases=_CASES,
        workaround=workaround, note=note,
    )  # fmt: skip


def _recurrent(
    name: str,
    layer: str,
    result: str,
    *shape: int,
    gates: int,
    options: str = "",
    workaround: str = "",
    note: str = "",
) -> Entry:
    def source(library: str, copy: str, expression: str) -> str:
        return (
            f"m = {library}.nn.{layer}(3, 2{options})\n"
            f"for p, v in zip(m.parameters(), (u, w, b, b)):\n    {copy}\n{expression}"
        )

    copy = "p.assign(v.detach())"
    return Entry(
        name=name, torch=source("torch", "p.data = v.detach()", result),
        jittor=source("jt", copy, result),
        inputs={"x": real(*shape), "u": weight(2 * gates, 3), "w": weight(2 * gates, 2),
                "b": weight(2 * gates)},
        cases=("ordinary", "large magnitude"), note=note,
        workaround=workaround and source("jt", copy, workaround),
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
        note="Jittor accepts numbers only.",
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
        note="oneDNN, which computes float32, is correct; Jittor's own kernel, used for float64, "
        "mixes the groups.",
    ),
    Entry(
        name="conv2d, input without a batch dimension",
        torch="F.conv2d(x, w)",
        jittor="jt.nn.conv2d(x, w)",
        inputs={"x": real(2, 4, 5), "w": weight(3, 2, 3, 3)},
        cases=("ordinary",),
        workaround="jt.nn.conv2d(x.unsqueeze(0), w).squeeze(0)",
        note="Jittor requires a batch dimension.",
    ),
    Entry(
        name="conv2d, too few channels",
        kind="rule",
        torch="list(F.conv2d(torch.ones(1, 1, 4, 4), torch.ones(3, 2, 3, 3)).shape)",
        jittor="list(jt.nn.conv2d(jt.ones((1, 1, 4, 4)), jt.ones((3, 2, 3, 3))).numpy().shape)",
        note=(
            "Jittor does not compare the channels of the input with those of the weight, "
            "and reads memory outside the input."
        ),
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
    _recurrent("RNN", "RNN", "m(x)[0]", 4, 5, 3, gates=1),
    _recurrent("LSTM", "LSTM", "m(x)[0]", 4, 5, 3, gates=4),
    _recurrent("LSTM, last state", "LSTM", "m(x)[1][1]", 4, 5, 3, gates=4),
    _recurrent("GRU", "GRU", "m(x)[0]", 4, 5, 3, gates=3),
    _recurrent(
        "LSTM, batch_first",
        "LSTM",
        "m(x)[0]",
        4,
        5,
        3,
        gates=4,
        options=", batch_first=True",
        workaround="m(x)[0].transpose(1, 0, 2)",
        note="Jittor accepts the batch as the first dimension and returns it as the second.",
    ),
    _recurrent("LSTMCell", "LSTMCell", "m(x)[0]", 5, 3, gates=4),
    _recurrent("GRUCell", "GRUCell", "m(x)", 5, 3, gates=3),
    _recurrent("RNNCell", "RNNCell", "m(x)", 5, 3, gates=1),
)
