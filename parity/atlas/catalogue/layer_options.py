"""Convolutions, linear layers and embeddings as layers, with their options."""

from parity.atlas.catalogue._layers import jittor_layer, layer
from parity.atlas.entry import Entry, index, numeric, real, rule, weight

_CASES = ("ordinary", "large offset")
_IMAGE = {"x": real(1, 4, 5, 6)}
_GROUPED = "Jittor's kernel for three dimensions has no groups."


def _conv(name: str, make: str, note: str = "", workaround: str = "", *shape: int) -> Entry:
    return layer(name, make, cases=_CASES, note=note, workaround=workaround,
                 x=real(*(shape or (1, 4, 5, 6))))  # fmt: skip


_PLAIN = jittor_layer("jt.nn.Conv2d(4, 3, 3)")
ENTRIES = (
    layer("Linear", "torch.nn.Linear(4, 3)", x=real(2, 4)),
    layer("Linear, three dimensions", "torch.nn.Linear(4, 3)", x=real(2, 3, 4)),
    layer("Linear, one dimension", "torch.nn.Linear(4, 3)", x=real(4)),
    layer("Linear without bias", "torch.nn.Linear(4, 3, bias=False)", x=real(2, 4)),
    layer("Bilinear", "torch.nn.Bilinear(4, 3, 2)", "m(x, y)", x=real(2, 4), y=weight(2, 3)),
    layer("Embedding", "torch.nn.Embedding(5, 3)", "m(i) * x", x=real(2, 1), i=index(2, below=5)),
    layer("Embedding of two dimensions", "torch.nn.Embedding(5, 3)", "m(i) * x", x=real(2, 1, 1),
          i=index(2, 4, below=5)),
    layer("Embedding, max_norm", "torch.nn.Embedding(5, 3, max_norm=1.0)", "m(i) * x",
          x=real(2, 1), i=index(2, below=5), note="Jittor's layer has no argument `max_norm`."),
    rule("Embedding.from_pretrained",
         "torch.nn.Embedding.from_pretrained(torch.ones(2, 3)).weight.tolist()",
         workaround="m = jt.nn.Embedding(2, 3)\nm.weight.assign(jt.ones((2, 3)))\n"
         "m.weight.tolist()", note="Jittor has no `from_pretrained`: assign the weight."),
    layer("EmbeddingBag", "torch.nn.EmbeddingBag(5, 3)", "m(i) * x", x=real(2, 1),
          i=index(2, 4, below=5), jittor_call="m(i) * x", jittor="jt.nn.EmbeddingBag(5, 3)",
          note="Jittor has no `EmbeddingBag`: take the mean of an `Embedding`.",
          workaround=jittor_layer("jt.nn.Embedding(5, 3)") + "m(i).mean(1) * x"),
    rule("weights of Embedding, padding_idx",
         "torch.nn.Embedding(3, 2, padding_idx=1).weight[1].tolist()",
         "jt.nn.Embedding(3, 2, padding_idx=1).weight[1].tolist()"),
    _conv("Conv2d", "torch.nn.Conv2d(4, 3, 3)"),
    _conv("Conv2d, kernel of two sizes", "torch.nn.Conv2d(4, 3, (1, 3), padding=(0, 1))"),
    _conv("Conv2d, kernel of 1", "torch.nn.Conv2d(4, 3, 1)"),
    _conv("Conv2d, kernel of 1, stride 2", "torch.nn.Conv2d(4, 3, 1, stride=2)"),
    _conv("Conv2d, even kernel", "torch.nn.Conv2d(4, 3, 4, padding=2)"),
    _conv("Conv2d, groups, padding and stride",
          "torch.nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)"),
    _conv("Conv2d, depthwise, two filters for each channel",
          "torch.nn.Conv2d(4, 8, 3, padding=1, groups=4)"),
    _conv("Conv2d, depthwise, dilation", "torch.nn.Conv2d(4, 4, 3, padding=2, dilation=2, "
          "groups=4)"),
    _conv("Conv2d, depthwise, stride 2", "torch.nn.Conv2d(4, 4, 3, 2, 1, groups=4)"),
    _conv("Conv2d without bias", "torch.nn.Conv2d(4, 3, 3, bias=False)"),
    _conv("Conv2d, padding 'same'", "torch.nn.Conv2d(4, 3, 3, padding='same')",
          "Jittor accepts numbers only.",
          jittor_layer("jt.nn.Conv2d(4, 3, 3, padding=1)") + "m(x)"),
    _conv("Conv2d, padding 'valid'", "torch.nn.Conv2d(4, 3, 3, padding='valid')",
          "Jittor accepts numbers only.", _PLAIN + "m(x)"),
    *(
        _conv(f"Conv2d, padding_mode {mode}",
              f"torch.nn.Conv2d(4, 3, 3, padding=1, padding_mode='{mode}')",
              "Jittor's layer has no argument `padding_mode`: pad first.",
              _PLAIN + f"m(jt.nn.pad(x, (1, 1, 1, 1), mode='{mode}'))")
        for mode in ("reflect", "replicate", "circular")
    ),
    _conv("Conv1d", "torch.nn.Conv1d(4, 3, 3)", "", "", 2, 4, 6),
    _conv("Conv1d, stride and padding", "torch.nn.Conv1d(4, 3, 3, 2, 1)", "", "", 2, 4, 6),
    _conv("Conv1d, dilation", "torch.nn.Conv1d(4, 3, 3, dilation=2)", "", "", 2, 4, 6),
    _conv("Conv1d, depthwise", "torch.nn.Conv1d(4, 4, 3, groups=4)", "", "", 2, 4, 6),
    _conv("Conv1d, groups", "torch.nn.Conv1d(4, 6, 3, groups=2)", "", "", 2, 4, 6),
    _conv("Conv1d, input without a batch dimension", "torch.nn.Conv1d(4, 3, 3)",
          "Jittor requires a batch dimension.", "m(x.unsqueeze(0)).squeeze(0)", 4, 6),
    _conv("Conv3d", "torch.nn.Conv3d(2, 3, 2)", "", "", 1, 2, 3, 4, 3),
    _conv("Conv3d, stride and padding", "torch.nn.Conv3d(2, 3, 3, 2, 1)", "", "", 1, 2, 3, 4, 5),
    _conv("Conv3d, groups", "torch.nn.Conv3d(2, 4, 2, groups=2)", _GROUPED,
          "jt.concat([jt.nn.conv3d(x[:, i:i + 1], m.weight[2 * i:2 * i + 2], m.bias[2 * i:2 * i "
          "+ 2]) for i in range(2)], 1)", 1, 2, 3, 4, 3),
    _conv("ConvTranspose2d", "torch.nn.ConvTranspose2d(4, 3, 3)"),
    _conv("ConvTranspose2d, stride", "torch.nn.ConvTranspose2d(4, 3, 4, 2, 1)"),
    _conv("ConvTranspose2d, output padding",
          "torch.nn.ConvTranspose2d(4, 3, 3, 2, 1, output_padding=1)"),
    _conv("ConvTranspose2d, groups", "torch.nn.ConvTranspose2d(4, 4, 3, groups=2)"),
    _conv("ConvTranspose2d, depthwise", "torch.nn.ConvTranspose2d(4, 4, 4, 2, 1, groups=4)"),
    _conv("ConvTranspose2d, dilation", "torch.nn.ConvTranspose2d(4, 3, 3, dilation=2)"),
    layer("ConvTranspose2d, output_size", "torch.nn.ConvTranspose2d(4, 3, 3, 2, 1)",
          "m(x, output_size=(10, 12))", cases=_CASES, note="Jittor's layer has no argument "
          "`output_size`: give `output_padding`.", workaround="jt.nn.conv_transpose(x, m.weight, "
          "m.bias, 2, 1, output_padding=1)", inputs=_IMAGE),
    _conv("ConvTranspose1d", "torch.nn.ConvTranspose1d(4, 3, 3, 2)",
          "Jittor has no `ConvTranspose1d`.",
          jittor_layer("jt.nn.ConvTranspose2d(4, 3, (3, 1), (2, 1))")
          + "m(x.unsqueeze(-1)).squeeze(-1)", 2, 4, 5),
    _conv("ConvTranspose3d", "torch.nn.ConvTranspose3d(2, 3, 2, 2)", "", "", 1, 2, 2, 3, 2),
    _conv("ConvTranspose3d, padding", "torch.nn.ConvTranspose3d(2, 3, 3, 2, 1)", "", "",
          1, 2, 2, 3, 2),
    _conv("ConvTranspose3d, groups", "torch.nn.ConvTranspose3d(2, 2, 2, groups=2)",
          "Jittor refuses groups in three dimensions.", "", 1, 2, 2, 3, 2),
    rule("LazyLinear", "torch.nn.LazyLinear(3)(torch.ones(2, 4)).shape[1]",
         workaround="jt.nn.Linear(4, 3)(jt.ones((2, 4))).shape[1]",
         note="Jittor has no lazy layers."),
    numeric("conv_transpose1d", "F.conv_transpose1d(x, w, stride=2)", x=real(2, 4, 5),
            w=weight(4, 3, 3), cases=_CASES, note="Jittor has no `conv_transpose1d`.",
            workaround="jt.nn.conv_transpose(x.unsqueeze(-1), w.unsqueeze(-1), stride=(2, 1))"
            ".squeeze(-1)"),
    numeric("conv1d under nn", "F.conv1d(x, w, padding=1)", x=real(2, 4, 5), w=weight(3, 4, 3),
            cases=_CASES, note="Jittor has no function `conv1d`, only the layer.",
            workaround="jt.nn.conv2d(x.unsqueeze(-1), w.unsqueeze(-1), padding=(1, 0)).squeeze(-1)"
            ),
    numeric("conv2d with a bias", "F.conv2d(x, w, b, padding=1)", cases=_CASES,
            w=weight(3, 4, 3, 3), b=weight(3), inputs=_IMAGE),
    numeric("conv3d, groups", "F.conv3d(x, w, groups=2)", cases=_CASES, x=real(1, 2, 3, 4, 3),
            w=weight(4, 1, 2, 2, 2), note=_GROUPED,
            workaround="jt.concat([jt.nn.conv3d(x[:, i:i + 1], w[2 * i:2 * i + 2]) "
            "for i in range(2)], 1)"),
    numeric("deformable convolution, as grid_sample and a product",
            "g = torch.stack([o[..., 0], o[..., 1]], -1)\n"
            "F.conv2d(F.grid_sample(x, g, align_corners=True), w)",
            "g = jt.stack([o[..., 0], o[..., 1]], -1)\n"
            "jt.nn.conv2d(jt.nn.grid_sample(x, g, align_corners=True), w)",
            o=weight(1, 3, 4, 2), w=weight(3, 4, 1, 1), inputs=_IMAGE),
    numeric("local convolution by unfold",
            "y = F.unfold(x, 3, padding=1)\n(w @ y).reshape(1, 2, 5, 6)",
            "y = jt.nn.unfold(x, 3, padding=1)\n(w @ y).reshape(1, 2, 5, 6)", w=weight(2, 36),
            inputs=_IMAGE),
    *(
        numeric(f"unfold, {name}", f"F.unfold(x, {options})", inputs=_IMAGE)
        for name, options in (
            ("stride 2", "2, stride=2"), ("dilation", "2, dilation=2"),
            ("kernel of two sizes", "(2, 3), padding=(0, 1)"),
        )
    ),
    *(
        numeric(f"fold, {name}", f"F.fold(x, {options})", x=real(1, 8, blocks))
        for name, options, blocks in (
            ("stride 2", "(4, 6), 2, stride=2", 6), ("padding", "(4, 4), 2, padding=1", 25),
            ("dilation", "(4, 4), 2, dilation=2", 4),
        )
    ),
    numeric("channel_shuffle", "F.channel_shuffle(x, 2)", inputs=_IMAGE,
            workaround="x.reshape(x.shape[0], 2, -1, *x.shape[2:]).transpose(1, 2)"
            ".reshape(x.shape)", note="Jittor has no `channel_shuffle`."),
    numeric("PixelShuffle", "torch.nn.PixelShuffle(2)(x)", inputs=_IMAGE),
    numeric("PixelUnshuffle", "torch.nn.PixelUnshuffle(2)(x)", x=real(1, 2, 4, 6),
            workaround="n, c, h, w = x.shape\n"
            "x.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4)"
            ".reshape(n, 4 * c, h // 2, w // 2)", note="Jittor has no `PixelUnshuffle`."),
)  # fmt: skip
