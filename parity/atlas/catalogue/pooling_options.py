"""Pooling in one and three dimensions, unpooling, and the options of pooling layers."""

from parity.atlas.entry import Entry, numeric, real

_CASES = ("ordinary", "ties", "infinity", "nan")
_IMAGE = {"x": real(1, 2, 5, 4)}
_NO_1D = "Jittor has no pooling in one dimension."
_CHW = "Jittor requires a batch dimension."
_TOO_LARGE = (
    "Jittor refuses a window that is as long as the image, even where padding makes it larger."
)
_EMPTY = (
    "Jittor adds a window that begins in the padding behind the image: its average divides by the "
    "entire window, its maximum is the smallest number of the dtype."
)
_COUNT = "Without `ceil_mode` Jittor counts the padding, whatever `count_include_pad` says."
_OVERLAP = (
    "Where the sizes do not divide, the windows of PyTorch overlap; those of Jittor have a fixed "
    "stride."
)
_NAN = "Jittor ignores a NaN in a window."
_FULL = "Every one of equal elements gets the gradient in full."
_CELLS = """H, W = x.shape[-2:]
rows = [x[:, :, H * i // {0} : -(-H * (i + 1) // {0})] for i in range({0})]
columns = [slice(W * j // {1}, -(-W * (j + 1) // {1})) for j in range({1})]
cells = [[r[:, :, :, c].{2}((2, 3)) for c in columns] for r in rows]
jt.stack([jt.stack(row, -1) for row in cells], 2)"""


def _pool(
    name: str, torch: str, jittor: str = "", workaround: str = "", note: str = "", *shape: int
) -> Entry:
    return numeric(
        name, torch, jittor, cases=_CASES, workaround=workaround, note=note,
        x=real(*(shape or (1, 2, 5, 4))),
    )  # fmt: skip


def _same_windows(size: int, cells: int) -> bool:
    """Tell whether PyTorch's windows are those of a fixed stride, the largest that fits."""
    stride = size // cells
    width = size - (cells - 1) * stride
    return all(
        (size * i // cells, -(-size * (i + 1) // cells)) == (i * stride, i * stride + width)
        for i in range(cells)
    )


def _adaptive(kind: str, size: tuple[int, int], *shape: int) -> Entry:
    layer = {"avg": "AdaptiveAvgPool2d", "max": "AdaptiveMaxPool2d"}[kind]
    mean = {"avg": "mean", "max": "max"}[kind]
    height, width = shape[-2:]
    same = _same_windows(height, size[0]) and _same_windows(width, size[1])
    notes = [_OVERLAP] * (not same) + [_FULL] * (kind == "max")
    return numeric(
        f"{layer}, {height} by {width} to {size[0]} by {size[1]}", f"torch.nn.{layer}({size})(x)",
        cases=("ordinary", "ties"), x=real(*shape),
        workaround="" if same else _CELLS.format(*size, mean), note=" ".join(notes),
    )  # fmt: skip


ENTRIES = (
    _pool("max_pool1d", "F.max_pool1d(x, 2)", "",
          "jt.nn.max_pool2d(x.unsqueeze(-2).repeat(1, 1, 2, 1), (1, 2))[:, :, 0]", _NO_1D, 2, 3, 6),
    _pool("MaxPool1d", "torch.nn.MaxPool1d(3, 2)(x)", "",
          "jt.nn.max_pool2d(x.unsqueeze(-2).repeat(1, 1, 2, 1), (1, 3), (1, 2))[:, :, 0]", _NO_1D,
          2, 3, 7),
    _pool("avg_pool1d", "F.avg_pool1d(x, 2)", "",
          "x.reshape(x.shape[0], x.shape[1], -1, 2).mean(3)", _NO_1D, 2, 3, 6),
    _pool("AvgPool1d", "torch.nn.AvgPool1d(2)(x)", "",
          "x.reshape(x.shape[0], x.shape[1], -1, 2).mean(3)", _NO_1D, 2, 3, 6),
    _pool("adaptive_avg_pool1d", "F.adaptive_avg_pool1d(x, 3)", "",
          "x.reshape(x.shape[0], x.shape[1], 3, -1).mean(3)", _NO_1D, 2, 3, 6),
    _pool("AdaptiveAvgPool1d to 1", "torch.nn.AdaptiveAvgPool1d(1)(x)", "",
          "x.mean(2, keepdims=True)", _NO_1D, 2, 3, 6),
    _pool("AdaptiveMaxPool1d to 1", "torch.nn.AdaptiveMaxPool1d(1)(x)", "",
          "x.max(2, keepdims=True)", _NO_1D, 2, 3, 6),
    _pool("max_pool2d of CHW", "F.max_pool2d(x, 2)", "",
          "jt.nn.max_pool2d(x.unsqueeze(0), 2).squeeze(0)", _CHW, 2, 4, 6),
    _pool("AdaptiveAvgPool2d of CHW", "torch.nn.AdaptiveAvgPool2d(2)(x)", "",
          "jt.nn.AdaptiveAvgPool2d(2)(x.unsqueeze(0)).squeeze(0)", _CHW, 2, 4, 6),
    _pool("max_pool2d, window as large as the image", "F.max_pool2d(x, (5, 4))", "",
          "x.max((2, 3), keepdims=True)", _TOO_LARGE),
    _pool("max_pool2d, padded image of 2 by 2", "F.max_pool2d(x, 3, 2, 1)", "",
          "jt.nn.max_pool2d(jt.nn.pad(x, (1, 1, 1, 1), value=-1e30), 3, 2)", _TOO_LARGE,
          1, 1, 2, 2),
    _pool("avg_pool2d, window as large as the image", "F.avg_pool2d(x, (5, 4))", "",
          "x.mean((2, 3), keepdims=True)", _TOO_LARGE),
    _pool("max_pool2d, window of two sizes", "F.max_pool2d(x, (2, 3), (1, 2))", "", "", _NAN),
    _pool("MaxPool2d layer", "torch.nn.MaxPool2d(3, stride=2, padding=1)(x)", "", "", _NAN),
    _pool("MaxPool2d, dilation 1", "torch.nn.MaxPool2d(2, dilation=1)(x)", "",
          "jt.nn.MaxPool2d(2)(x)", "Jittor refuses every `dilation`, 1 included."),
    _pool("max_pool2d, ceil_mode and padding", "F.max_pool2d(x, 2, 2, 1, ceil_mode=True)", "",
          "jt.nn.max_pool2d(x, 2, 2, 1, ceil_mode=True)[:, :, :3, :3]", _EMPTY),
    _pool("max_pool2d, ceil_mode, windows apart", "F.max_pool2d(x, 1, 3, ceil_mode=True)", "",
          "jt.nn.max_pool2d(x, 1, 3, ceil_mode=True)[:, :, :2, :2]", _EMPTY),
    _pool("max_pool2d, return_indices", "F.max_pool2d(x, 2, 2, return_indices=True)[1]", "", "",
          _NAN),
    _pool("avg_pool2d, ceil_mode and padding", "F.avg_pool2d(x, 2, 2, 1, ceil_mode=True)", "",
          "jt.nn.avg_pool2d(x, 2, 2, 1, ceil_mode=True)[:, :, :3, :3]", _EMPTY),
    _pool("avg_pool2d, ceil_mode, padding not counted",
          "F.avg_pool2d(x, 2, 2, 1, ceil_mode=True, count_include_pad=False)", "",
          "jt.nn.avg_pool2d(x, 2, 2, 1, ceil_mode=True, count_include_pad=False)[:, :, :3, :3]",
          _EMPTY),
    _pool("AvgPool2d, padding not counted",
          "torch.nn.AvgPool2d(3, 1, 1, count_include_pad=False)(x)", "",
          "one = x * 0 + 1\njt.nn.avg_pool2d(x, 3, 1, 1) / jt.nn.avg_pool2d(one, 3, 1, 1).detach()",
          _COUNT),
    _pool("avg_pool2d, divisor_override", "F.avg_pool2d(x, 2, divisor_override=3)", "",
          "jt.nn.avg_pool2d(x, 2) * 4 / 3", "Jittor's function has no argument "
          "`divisor_override`."),
    _pool("lp_pool2d", "F.lp_pool2d(x, 2, 2)", "",
          "jt.sqrt(jt.nn.avg_pool2d(x * x, 2) * 4)", "Jittor has no `lp_pool2d`."),
    _pool("max_pool3d, padding", "F.max_pool3d(x, 2, 2, 1)", "", "", _NAN, 1, 1, 4, 4, 6),
    _pool("max_pool3d, window of three sizes", "F.max_pool3d(x, (1, 2, 3))", "", "", _NAN,
          1, 1, 4, 5, 6),
    _pool("AvgPool3d, padding", "torch.nn.AvgPool3d(2, 2, 1)(x)", "", "", "", 1, 1, 4, 4, 6),
    _pool("AvgPool3d, padding not counted",
          "torch.nn.AvgPool3d(2, 2, 1, count_include_pad=False)(x)", "",
          "one = x * 0 + 1\njt.nn.AvgPool3d(2, 2, 1)(x) / jt.nn.AvgPool3d(2, 2, 1)(one).detach()",
          _COUNT,
          1, 1, 4, 4, 6),
    _pool("AvgPool3d, ceil_mode", "torch.nn.AvgPool3d(2, ceil_mode=True)(x)", "", "", "",
          1, 1, 3, 5, 4),
    _pool("avg_pool3d", "F.avg_pool3d(x, 2)", "", "jt.nn.AvgPool3d(2)(x)",
          "Jittor has no function `avg_pool3d`, only the layer.", 1, 1, 4, 4, 6),
    *(
        _adaptive(kind, size, *shape)
        for kind in ("avg", "max")
        for size, shape in (
            ((1, 1), (1, 2, 4, 5)), ((2, 3), (1, 2, 4, 6)), ((3, 3), (1, 2, 4, 4)),
            ((2, 2), (1, 2, 5, 5)), ((7, 7), (1, 1, 10, 10)), ((7, 7), (1, 1, 3, 3)),
            ((4, 4), (1, 1, 14, 14)),
        )
    ),
    _pool("AdaptiveAvgPool2d, None", "torch.nn.AdaptiveAvgPool2d((None, 2))(x)"),
    _pool("AdaptiveAvgPool2d, a tuple of ones", "torch.nn.AdaptiveAvgPool2d((1, 1))(x)"),
    _pool("adaptive_avg_pool2d under nn", "F.adaptive_avg_pool2d(x, 1)", "",
          "x.mean((2, 3), keepdims=True)", "Jittor has the layer only."),
    _pool("AdaptiveAvgPool3d to 1", "torch.nn.AdaptiveAvgPool3d(1)(x)", "", "",
          "Jittor adds the numbers one after the other, PyTorch in pairs.", 1, 2, 2, 3, 4),
    _pool("AdaptiveAvgPool3d, dividing", "torch.nn.AdaptiveAvgPool3d(2)(x)", "", "", "",
          1, 1, 4, 2, 6),
    _pool("AdaptiveAvgPool3d, not dividing", "torch.nn.AdaptiveAvgPool3d(3)(x)", "", "", _OVERLAP,
          1, 1, 4, 5, 4),
    _pool("AdaptiveMaxPool3d, dividing", "torch.nn.AdaptiveMaxPool3d(2)(x)", "", "",
          f"{_NAN} {_FULL}", 1, 1, 4, 2, 6),
    numeric("MaxUnpool2d", "y, i = F.max_pool2d(x, 2, return_indices=True)\n"
            "torch.nn.MaxUnpool2d(2)(y, i)",
            "y, i = jt.nn.MaxPool2d(2, return_indices=True)(x)\njt.nn.MaxUnpool2d(2)(y, i)",
            x=real(1, 2, 4, 6)),
    numeric("MaxUnpool2d, output_size", "y, i = F.max_pool2d(x, 2, return_indices=True)\n"
            "torch.nn.MaxUnpool2d(2)(y, i, output_size=x.shape)",
            "y, i = jt.nn.MaxPool2d(2, return_indices=True)(x)\n"
            "jt.nn.MaxUnpool2d(2)(y, i, output_size=x.shape)", inputs=_IMAGE),
    numeric("MaxUnpool2d, overlapping windows",
            "y, i = F.max_pool2d(x, 3, 1, return_indices=True)\n"
            "torch.nn.MaxUnpool2d(3, 1)(y, i, output_size=x.shape)",
            "y, i = jt.nn.MaxPool2d(3, 1, return_indices=True)(x)\n"
            "jt.nn.MaxUnpool2d(3, 1)(y, i, output_size=x.shape)", gradient=False, inputs=_IMAGE,
            note="Where windows overlap, Jittor adds the maxima that fall on the same element; "
            "PyTorch writes one of them."),
    numeric("global average by mean", "x.mean((2, 3))", inputs=_IMAGE),
    numeric("global average of negative dimensions", "x.mean((-2, -1))", inputs=_IMAGE),
    numeric("global maximum by amax", "x.amax((2, 3))", "x.max((2, 3))", inputs=_IMAGE,
            note=_FULL),
)  # fmt: skip
