"""Resizing and sampling of images, with even and odd sizes, up and down."""

from parity.atlas.entry import Entry, real

_CASES = ("ordinary", "constant", "large offset")
_RECOMPUTED = (
    "Jittor recomputes the scale factor from the rounded size, like `recompute_scale_factor=True` "
    "in PyTorch; the two agree where size times factor is an integer."
)


def _resize(name: str, arguments: str, *shape: int, workaround: str = "", note: str = "") -> Entry:
    return Entry(
        name=name, torch=f"F.interpolate(x, {arguments})",
        jittor=f"jt.nn.interpolate(x, {arguments})", inputs={"x": real(*shape)}, cases=_CASES,
        workaround=workaround, note=note,
    )  # fmt: skip


ENTRIES = (
    _resize("nearest, up", "size=(6, 8), mode='nearest'", 1, 1, 3, 4),
    _resize("nearest, up, odd", "size=(7, 5), mode='nearest'", 1, 1, 3, 4),
    _resize("nearest, down", "size=(3, 2), mode='nearest'", 1, 1, 6, 4),
    _resize("nearest, down, odd", "size=(3, 2), mode='nearest'", 1, 1, 5, 7),
    _resize(
        "nearest, one pixel",
        "size=(1, 1), mode='nearest'",
        1,
        1,
        3,
        4,
        note=(
            "The kernel for an output of one by one pixels fails; of sizes above one it does not."
        ),
    ),
    _resize("bilinear, up", "size=(6, 8), mode='bilinear'", 1, 1, 3, 4),
    _resize("bilinear, up, odd", "size=(7, 5), mode='bilinear'", 1, 1, 3, 4),
    _resize("bilinear, down", "size=(3, 2), mode='bilinear'", 1, 1, 6, 5),
    _resize(
        "bilinear, corners aligned", "size=(5, 7), mode='bilinear', align_corners=True", 1, 1, 3, 4
    ),
    _resize(
        "bilinear, one pixel, corners aligned",
        "size=(1, 1), mode='bilinear', align_corners=True",
        1,
        1,
        3,
        4,
        note=(
            "The kernel for an output of one by one pixels fails; of sizes above one it does not."
        ),
    ),
    _resize("bicubic, up", "size=(6, 8), mode='bicubic'", 1, 1, 4, 4),
    _resize("bicubic, down", "size=(3, 3), mode='bicubic'", 1, 1, 6, 6),
    _resize("area, down", "size=(2, 2), mode='area'", 1, 1, 4, 6),
    _resize("scale factor 2", "scale_factor=2, mode='nearest'", 1, 1, 3, 4),
    _resize("scale factor 1.5", "scale_factor=1.5, mode='bilinear'", 1, 1, 3, 5, note=_RECOMPUTED),
    _resize("scale factor 1.5 to an integer size", "scale_factor=1.5, mode='bilinear'", 1, 1, 4, 6),
    _resize("scale factor 0.5", "scale_factor=0.5, mode='bilinear'", 1, 1, 5, 6, note=_RECOMPUTED),
    _resize(
        "default mode",
        "size=(6, 8)",
        1,
        1,
        3,
        4,
        workaround="jt.nn.interpolate(x, size=(6, 8), mode='nearest')",
        note="The default is bilinear in Jittor and nearest in PyTorch: always give the mode.",
    ),
    Entry(
        name="Upsample",
        torch="torch.nn.Upsample(scale_factor=2)(x)",
        jittor="jt.nn.Upsample(scale_factor=2)(x)",
        inputs={"x": real(1, 1, 3, 4)},
        cases=_CASES,
    ),
    Entry(
        name="pixel_shuffle",
        torch="F.pixel_shuffle(x, 2)",
        jittor="jt.nn.PixelShuffle(2)(x)",
        inputs={"x": real(1, 8, 2, 3)},
        cases=("ordinary",),
    ),
    Entry(
        name="grid_sample",
        cases=("ordinary", "ties", "large magnitude"),
        torch="F.grid_sample(torch.cos(g.sum(-1, keepdim=True)).permute(0, 3, 1, 2), g, "
        "align_corners=False)",
        jittor="jt.nn.grid_sample(jt.cos(g.sum(-1, keepdims=True)).permute(0, 3, 1, 2), g)",
        inputs={"g": real(1, 3, 4, 2)},
    ),
    Entry(
        name="affine_grid",
        torch="F.affine_grid(x, (2, 1, 3, 4), align_corners=False)",
        jittor="jt.nn.affine_grid(x, (2, 1, 3, 4))",
        inputs={"x": real(2, 2, 3)},
        cases=("ordinary",),
    ),
)
