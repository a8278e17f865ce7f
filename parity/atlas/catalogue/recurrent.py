"""Recurrent layers and cells with their options."""

from parity.atlas.catalogue._layers import jittor_layer, layer
from parity.atlas.entry import numeric, real, rule, weight

_X = {"x": real(4, 2, 3)}
_CELLS = {"x": real(2, 3), "h": weight(2, 3)}
_ORDER = (
    "PyTorch puts the parameters of a direction together, Jittor those of a kind: copy them by "
    "name, not in order."
)

ENTRIES = (
    layer("RNN, relu", "torch.nn.RNN(3, 2, nonlinearity='relu')", "m(x)[0]", inputs=_X),
    layer("RNN without bias", "torch.nn.RNN(3, 2, bias=False)", "m(x)[0]", inputs=_X),
    layer("RNN, last state", "torch.nn.RNN(3, 2)", "m(x)[1]", inputs=_X),
    layer("RNN, initial state", "torch.nn.RNN(3, 3)", "m(x, h)[0]", x=real(4, 2, 3),
          h=weight(1, 2, 3)),
    layer("RNN, two layers", "torch.nn.RNN(3, 2, 2)", "m(x)[0]", inputs=_X),
    layer("RNN, bidirectional", "torch.nn.RNN(3, 2, bidirectional=True)", "m(x)[0]", inputs=_X),
    layer("RNN, batch_first", "torch.nn.RNN(3, 2, batch_first=True)", "m(x)[0]", inputs=_X,
          workaround="m(x)[0].transpose(1, 0, 2)",
          note="Jittor accepts the batch as the first dimension and returns it as the second."),
    layer("LSTM, two layers", "torch.nn.LSTM(3, 2, 2)", "m(x)[0]", inputs=_X),
    layer("LSTM, two layers, last states", "torch.nn.LSTM(3, 2, 2)", "m(x)[1]", inputs=_X),
    layer("LSTM, bidirectional", "torch.nn.LSTM(3, 2, bidirectional=True)", "m(x)[0]", inputs=_X),
    layer("LSTM, bidirectional, last states", "torch.nn.LSTM(3, 2, bidirectional=True)", "m(x)[1]",
          inputs=_X),
    layer("LSTM, bidirectional, two layers", "torch.nn.LSTM(3, 2, 2, bidirectional=True)",
          "m(x)[0]", inputs=_X),
    layer("LSTM without bias", "torch.nn.LSTM(3, 2, bias=False)", "m(x)[0]", inputs=_X),
    layer("LSTM, projection", "torch.nn.LSTM(3, 4, proj_size=2)", "m(x)[0]", inputs=_X,
          workaround="h0 = jt.zeros((1, x.shape[1], 2), dtype=x.dtype)\n".replace("\n", "; ")
          + "m(x, (h0, jt.zeros((1, x.shape[1], 4), dtype=x.dtype)))[0]",
          note="The initial state has the size of the hidden state in Jittor, where the "
          "projected one belongs: give both states."),
    layer("LSTM, initial states", "torch.nn.LSTM(3, 3)", "m(x, (h, c))[0]", x=real(4, 2, 3),
          h=weight(1, 2, 3), c=weight(1, 2, 3)),
    layer("LSTM, fifty steps", "torch.nn.LSTM(3, 2)", "m(x)[0]", cases=("ordinary",),
          x=real(50, 1, 3)),
    layer("LSTM, input without a batch dimension", "torch.nn.LSTM(3, 2)", "m(x)[0]",
          cases=("ordinary",), x=real(4, 3), workaround="m(x.unsqueeze(1))[0].squeeze(1)",
          note="Jittor requires a batch dimension."),
    layer("LSTM, batch_first, two layers", "torch.nn.LSTM(3, 2, 2, batch_first=True)", "m(x)[0]",
          inputs=_X, workaround="m(x)[0].transpose(1, 0, 2)",
          note="Jittor accepts the batch as the first dimension and returns it as the second."),
    layer("GRU, two layers", "torch.nn.GRU(3, 2, 2)", "m(x)[0]", inputs=_X),
    layer("GRU, bidirectional", "torch.nn.GRU(3, 2, bidirectional=True)", "m(x)[0]", inputs=_X),
    layer("GRU, last state", "torch.nn.GRU(3, 2)", "m(x)[1]", inputs=_X),
    layer("GRU, initial state", "torch.nn.GRU(3, 3)", "m(x, h)[0]", x=real(4, 2, 3),
          h=weight(1, 2, 3)),
    layer("GRU without bias", "torch.nn.GRU(3, 2, bias=False)", "m(x)[0]", inputs=_X),
    layer("GRU, batch_first", "torch.nn.GRU(3, 2, batch_first=True)", "m(x)[0]", inputs=_X,
          workaround="m(x)[0].transpose(1, 0, 2)",
          note="Jittor accepts the batch as the first dimension and returns it as the second."),
    layer("LSTMCell, states", "torch.nn.LSTMCell(3, 3)", "m(x, (h, h))", inputs=_CELLS),
    layer("LSTMCell without bias", "torch.nn.LSTMCell(3, 2, bias=False)", "m(x)", x=real(2, 3),
          note="The argument of `sigmoid` is clamped to at least -30 in float32."),
    layer("GRUCell, state", "torch.nn.GRUCell(3, 3)", "m(x, h)", inputs=_CELLS),
    layer("GRUCell without bias", "torch.nn.GRUCell(3, 2, bias=False)", "m(x)", x=real(2, 3)),
    layer("RNNCell, relu", "torch.nn.RNNCell(3, 2, nonlinearity='relu')", "m(x)", x=real(2, 3)),
    layer("RNNCell, state", "torch.nn.RNNCell(3, 3)", "m(x, h)", inputs=_CELLS),
    rule("names of an LSTM's parameters",
         "sorted(n for n, _ in torch.nn.LSTM(3, 2, 2).named_parameters())"),
    rule("order of an LSTM's parameters",
         "[n for n, _ in torch.nn.LSTM(3, 2, 2).named_parameters()]"),
    rule("names of a bidirectional GRU's parameters",
         "sorted(n for n, _ in torch.nn.GRU(3, 2, bidirectional=True).named_parameters())"),
    rule("order of a bidirectional RNN's parameters",
         "[n for n, _ in torch.nn.RNN(3, 2, bidirectional=True).named_parameters()]", note=_ORDER,
         workaround="p = dict(jt.nn.RNN(3, 2, bidirectional=True).named_parameters())\n"
         "sorted(p, key=lambda n: n.endswith('_reverse'))"),
    *(
        rule(f"dropout between the layers of {name}",
             f"m = torch.nn.{name}(3, 64, 2, dropout=0.5)\nm.train()\nx = torch.ones(2, 1, 3)\n"
             "bool((m(x)[0] - m(x)[0]).abs().max() > 1e-3)",
             f"m = jt.nn.{name}(3, 64, 2, dropout=0.5)\nm.train()\nx = jt.ones((2, 1, 3))\n"
             "bool((m(x)[0] - m(x)[0]).abs().max().item() > 1e-3)",
             note="Jittor's layer never drops: its inner call leaves dropout out of training. "
             "Write the layers one by one with `jt.nn.dropout(y, p, is_train=True)` between them.")
        for name in ("LSTM", "GRU", "RNN")
    ),
    rule("shape of a bidirectional LSTM's output",
         "list(torch.nn.LSTM(3, 2, bidirectional=True)(torch.ones(4, 1, 3))[0].shape)",
         "list(jt.nn.LSTM(3, 2, bidirectional=True)(jt.ones((4, 1, 3)))[0].shape)"),
    rule("flatten_parameters", "torch.nn.LSTM(3, 2).flatten_parameters()", workaround="None",
         note="Jittor's layers have no `flatten_parameters` and need none."),
    numeric("pad_sequence", "torch.nn.utils.rnn.pad_sequence([x, x[:2]])", x=real(4, 3),
            workaround="y = jt.nn.pad(x[:2], (0, 0, 0, x.shape[0] - 2))\njt.stack([x, y], 1)",
            note="Jittor has no `pad_sequence`."),
    layer("packed sequences of an LSTM", "torch.nn.LSTM(3, 2)",
          "torch.nn.utils.rnn.pad_packed_sequence(m(torch.nn.utils.rnn.pack_padded_sequence("
          "x, [4, 2]))[0])[0]",
          inputs=_X, cases=("ordinary",),
                  note="Jittor has no packed sequences: mask the output. The "
          "last state of the shorter sequences has to be read at their ends, and a reverse "
          "direction meets the padding first.",
          workaround=jittor_layer("jt.nn.LSTM(3, 2)")
          + "mask = jt.array(np.float32([[1, 1], [1, 1], [1, 0], [1, 0]])).unsqueeze(2)\n"
          "m(x)[0] * mask.cast(x.dtype)"),
)  # fmt: skip
