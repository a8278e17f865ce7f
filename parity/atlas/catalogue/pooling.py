"""Pooling with padding, ties, and sizes that the window does not divide."""

from parity.atlas.entry import Entry, real

_CASES = ("ordinary", "ties", "saturated below", "infinity", "nan", "one row")


def _pool(
    name: str, torch: str, jittor: str, *shape: int, workaround: str = "", note: str = ""
) -> Entry:
    return Entry(
        name=name, torch=torch, jittor=jittor, inputs={"x": real(*shape)}, cases=_CASES,
        workaround=workaround,
        note=note,
    )  # fmt: skip


ENTRIES = (
    _pool(
        "max_pool2d",
        "F.max_pool2d(x, 2)",
        "jt.nn.max_pool2d(x, 2)",
        2,
        1,
        4,
        4,
        note="Jittor ignores a NaN in a window.",
    ),
    _pool(
        "max_pool2d, odd size",
        "F.max_pool2d(x, 2)",
        "jt.nn.max_pool2d(x, 2)",
        1,
        2,
        5,
        3,
        note="Jittor ignores a NaN in a window.",
    ),
    _pool(
        "max_pool2d, ceil_mode",
        "F.max_pool2d(x, 2, ceil_mode=True)",
        "jt.nn.max_pool2d(x, 2, ceil_mode=True)",
        1,
        2,
        5,
        3,
        note="Jittor ignores a NaN in a window.",
    ),
    _pool(
        "max_pool2d, padding",
        "F.max_pool2d(x, 3, stride=2, padding=1)",
        "jt.nn.max_pool2d(x, 3, stride=2, padding=1)",
        1,
        2,
        5,
        4,
        note="Jittor ignores a NaN in a window.",
    ),
    _pool(
        "max_pool2d, overlapping",
        "F.max_pool2d(x, 3, stride=1)",
        "jt.nn.max_pool2d(x, 3, stride=1)",
        1,
        2,
        5,
        4,
        note="Jittor ignores a NaN in a window.",
    ),
    _pool(
        "max_pool2d, dilation",
        "F.max_pool2d(x, 2, stride=1, dilation=2)",
        "jt.nn.max_pool2d(x, 2, stride=1, dilation=2)",
        1,
        1,
        5,
        5,
        note="Jittor refuses every `dilation`, 1 included.",
    ),
    _pool(
        "max_pool2d, indices",
        "F.max_pool2d(x, 2, return_indices=True)[1]",
        "jt.nn.MaxPool2d(2, return_indices=True)(x)[1]",
        1,
        2,
        4,
        4,
        note="Jittor ignores a NaN in a window.",
    ),
    _pool("avg_pool2d", "F.avg_pool2d(x, 2)", "jt.nn.avg_pool2d(x, 2)", 2, 1, 4, 4),
    _pool(
        "avg_pool2d, three dimensions",
        "F.avg_pool2d(x, 2)",
        "jt.nn.avg_pool2d(x, 2)",
        2,
        4,
        4,
        workaround="jt.nn.avg_pool2d(x.unsqueeze(0), 2).squeeze(0)",
        note="Jittor requires a batch dimension.",
    ),
    _pool(
        "avg_pool2d, padding",
        "F.avg_pool2d(x, 3, stride=2, padding=1)",
        "jt.nn.avg_pool2d(x, 3, stride=2, padding=1)",
        1,
        2,
        5,
        4,
    ),
    _pool(
        "avg_pool2d, padding not counted",
        "F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)",
        "jt.nn.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)",
        1,
        2,
        5,
        4,
        workaround="one = x * 0 + 1\njt.nn.avg_pool2d(x, 3, stride=2, padding=1) / "
        "jt.nn.avg_pool2d(one, 3, stride=2, padding=1).detach()",
        note=("Without `ceil_mode` Jittor counts the padding, whatever `count_include_pad` says."),
    ),
    _pool(
        "avg_pool2d, ceil_mode",
        "F.avg_pool2d(x, 2, ceil_mode=True)",
        "jt.nn.avg_pool2d(x, 2, ceil_mode=True)",
        1,
        2,
        5,
        3,
    ),
    _pool(
        "max_pool3d",
        "F.max_pool3d(x, 2)",
        "jt.nn.MaxPool3d(2)(x)",
        1,
        1,
        4,
        6,
        3,
        note="Jittor ignores a NaN in a window.",
    ),
    _pool("avg_pool3d", "F.avg_pool3d(x, 2)", "jt.nn.AvgPool3d(2)(x)", 1, 1, 4, 6, 3),
    _pool(
        "avg_pool3d, window as long as the axis",
        "F.avg_pool3d(x, 2)",
        "jt.nn.AvgPool3d(2)(x)",
        1,
        1,
        4,
        4,
        2,
        note="Jittor raises an exception where a window is as long as an axis.",
    ),
    _pool(
        "adaptive_avg_pool2d, dividing",
        "F.adaptive_avg_pool2d(x, 2)",
        "jt.nn.AdaptiveAvgPool2d(2)(x)",
        1,
        2,
        4,
        6,
    ),
    _pool(
        "adaptive_avg_pool2d, not dividing",
        "F.adaptive_avg_pool2d(x, 3)",
        "jt.nn.AdaptiveAvgPool2d(3)(x)",
        1,
        1,
        4,
        5,
        workaround="""H, W = x.shape[-2:]
rows = [x[:, :, H * i // 3 : -(-H * (i + 1) // 3)] for i in range(3)]
columns = [slice(W * j // 3, -(-W * (j + 1) // 3)) for j in range(3)]
cells = [[r[:, :, :, c].mean((2, 3)) for c in columns] for r in rows]
jt.stack([jt.stack(row, -1) for row in cells], 2)""",
        note="Where the sizes do not divide, the windows of PyTorch overlap; those of Jittor have "
        "a fixed stride.",
    ),
    _pool(
        "adaptive_max_pool2d, dividing",
        "F.adaptive_max_pool2d(x, 2)",
        "jt.nn.AdaptiveMaxPool2d(2)(x)",
        1,
        2,
        4,
        6,
        note=(
            "Jittor ignores a NaN in a window, and every one of equal elements gets the "
            "gradient in full."
        ),
    ),
    _pool(
        "adaptive_max_pool2d, not dividing",
        "F.adaptive_max_pool2d(x, 3)",
        "jt.nn.AdaptiveMaxPool2d(3)(x)",
        1,
        1,
        4,
        5,
        note=(
            "Where the sizes do not divide, the windows of PyTorch overlap; those of Jittor "
            "have a fixed stride."
        ),
    ),
)
