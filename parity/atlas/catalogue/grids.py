"""Sampling on grids, and resizing with every mode and number of dimensions."""

from parity.atlas.entry import Entry, numeric, real, rule, weight

_IMAGE = {"x": real(1, 2, 3, 4)}
_CASES = ("ordinary", "constant")
_GRID = {"x": real(1, 2, 3, 4), "g": weight(1, 5, 3, 2)}
_ONLY_2D = "Jittor resizes two dimensions only."


def _sample(name: str, options: str, note: str = "", workaround: str = "") -> Entry:
    return numeric(
        f"grid_sample, {name}", f"F.grid_sample(x, g, {options})", cases=_CASES, note=note,
        workaround=workaround, inputs=_GRID,
    )  # fmt: skip


def _resize(name: str, options: str, note: str = "", workaround: str = "", *shape: int) -> Entry:
    return numeric(
        f"interpolate, {name}", f"F.interpolate(x, {options})", cases=_CASES, note=note,
        workaround=workaround, x=real(*(shape or (1, 2, 3, 4))),
    )  # fmt: skip


_HALVES = (
    "Halves between two pixels are rounded to the even one in PyTorch and away from 0 in Jittor."
)
ENTRIES = (
    *(
        _sample(f"{mode}, {padding}, corners {'aligned' if align else 'not aligned'}",
                f"mode='{mode}', padding_mode='{padding}', align_corners={align}")
        for mode in ("bilinear", "nearest") for padding in ("zeros", "border", "reflection")
        for align in (True, False)
    ),
    _sample("bicubic", "mode='bicubic', align_corners=False", "Jittor has no bicubic sampling."),
    numeric("grid_sample, nearest, halves",
            "F.grid_sample(x, torch.tensor([[[[0.0, 0.0], [0.5, 0.0]]]], dtype=x.dtype), "
            "mode='nearest', align_corners=False)",
            "jt.nn.grid_sample(x, jt.array([[[[0.0, 0.0], [0.5, 0.0]]]]).cast(x.dtype), "
            "mode='nearest', align_corners=False)", note=_HALVES, x=real(1, 1, 4, 4)),
    numeric("grid_sample of volumes", "F.grid_sample(x, g, align_corners=True)",
            x=real(1, 1, 2, 3, 4),
            g=weight(1, 2, 2, 2, 3)),
    numeric("grid_sample of an identity grid",
            "F.grid_sample(x, F.affine_grid(torch.eye(2, 3, dtype=x.dtype)[None], x.shape, "
            "align_corners=False), align_corners=False)",
            "i = jt.array([[[1.0, 0, 0], [0, 1, 0]]]).cast(x.dtype)\n"
            "jt.nn.grid_sample(x, jt.nn.affine_grid(i, x.shape, align_corners=False), "
            "align_corners=False)", inputs=_IMAGE),
    numeric("affine_grid, corners aligned", "F.affine_grid(x, (2, 1, 3, 4), align_corners=True)",
            x=real(2, 2, 3)),
    numeric("affine_grid of volumes", "F.affine_grid(x, (2, 1, 2, 3, 4), align_corners=False)",
            x=real(2, 3, 4)),
    _resize("bilinear, an integer size", "size=5, mode='bilinear'"),
    _resize("bilinear, scale factors", "scale_factor=(2, 3), mode='bilinear'",
            "Jittor accepts one scale factor.",
            "jt.nn.interpolate(x, size=(x.shape[2] * 2, x.shape[3] * 3), mode='bilinear')"),
    _resize("bilinear, scale factor 2", "scale_factor=2, mode='bilinear'"),
    _resize("bilinear, scale factor 2, corners aligned",
            "scale_factor=2, mode='bilinear', align_corners=True"),
    _resize("bilinear, scale factor 0.5", "scale_factor=0.5, mode='bilinear'", "", "", 1, 2, 4, 6),
    _resize("nearest, scale factor 0.5", "scale_factor=0.5, mode='nearest'", "", "", 1, 2, 4, 6),
    _resize("nearest, scale factor 1.5", "scale_factor=1.5, mode='nearest'", "", "", 1, 2, 4, 6),
    _resize("nearest-exact", "size=(5, 3), mode='nearest-exact'",
            "Jittor has no such mode."),
    _resize("nearest, the same size", "size=(3, 4), mode='nearest'"),
    _resize("bilinear, the same size", "size=(3, 4), mode='bilinear'"),
    _resize("bilinear, antialias", "size=(2, 2), mode='bilinear', antialias=True",
            "Jittor has no antialiasing."),
    _resize("bicubic, corners aligned", "size=(5, 6), mode='bicubic', align_corners=True"),
    _resize("bicubic, scale factor 2", "scale_factor=2, mode='bicubic'"),
    _resize("area, not dividing", "size=(2, 3), mode='area'"),
    _resize("area, up", "size=(6, 8), mode='area'", "Jittor refuses to enlarge in this mode."),
    _resize("linear, sequence", "size=7, mode='linear'", _ONLY_2D,
            "jt.nn.interpolate(x.unsqueeze(2), size=(1, 7), mode='bilinear').squeeze(2)", 1, 2, 4),
    _resize("nearest, sequence", "size=8, mode='nearest'", _ONLY_2D,
            "jt.repeat_interleave(x, 2, 2)", 1, 2, 4),
    _resize("nearest, volume", "scale_factor=2, mode='nearest'", _ONLY_2D,
            "y = jt.repeat_interleave(jt.repeat_interleave(x, 2, 2), 2, 3)\n"
            "jt.repeat_interleave(y, 2, 4)", 1, 1, 2, 3, 2),
    _resize("trilinear", "size=(3, 4, 5), mode='trilinear'", _ONLY_2D, "", 1, 1, 2, 3, 4),
    numeric("UpsamplingNearest2d", "torch.nn.UpsamplingNearest2d(scale_factor=2)(x)",
            inputs=_IMAGE),
    numeric("UpsamplingBilinear2d", "torch.nn.UpsamplingBilinear2d(scale_factor=2)(x)",
            inputs=_IMAGE,
            workaround="jt.nn.interpolate(x, size=(x.shape[2] * 2, x.shape[3] * 2), "
            "mode='bilinear', align_corners=True)",
            note="PyTorch's layer aligns corners, Jittor's does not."),
    numeric("Upsample, bilinear, corners aligned",
            "torch.nn.Upsample(scale_factor=2, mode='bilinear', align_corners=True)(x)",
            inputs=_IMAGE),
    numeric("Upsample, two scale factors", "torch.nn.Upsample(scale_factor=(2, 3))(x)",
            workaround="jt.repeat_interleave(jt.repeat_interleave(x, 2, 2), 3, 3)",
            note="Jittor's layer reads an attribute `align_cornerss`, which does not exist.",
            inputs=_IMAGE),
    numeric("Upsample, size", "torch.nn.Upsample(size=(6, 8))(x)", inputs=_IMAGE,
            workaround="jt.nn.interpolate(x, size=(6, 8), mode='nearest')",
            note="Jittor's layer has no argument `size`."),
    numeric("upsample by repeat_interleave",
            "x.repeat_interleave(2, 2).repeat_interleave(2, 3)", inputs=_IMAGE),
    rule("size of interpolate, scale factor 0.7",
         "list(F.interpolate(torch.ones(1, 1, 10, 10), scale_factor=0.7).shape)",
         "list(jt.nn.interpolate(jt.ones((1, 1, 10, 10)), scale_factor=0.7).shape)"),
)  # fmt: skip
