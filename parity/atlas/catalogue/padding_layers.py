"""Padding layers of one, two and three dimensions."""

from parity.atlas.entry import Entry, numeric, real

_CASES = ("ordinary", "nan")
_SHAPES = {1: (2, 2, 5), 2: (1, 2, 3, 4), 3: (1, 2, 3, 4, 3)}
_MODES = {"Reflection": "reflect", "Replication": "replicate", "Zero": "constant",
          "Circular": "circular"}  # fmt: skip
_HAS = ("ReflectionPad2d", "ReplicationPad2d", "ZeroPad2d")
_FRACTION = "A value between -1 and 1 other than 0 does not compile."


def _padding(kind: str, dimensions: int) -> Entry:
    name = f"{kind}Pad{dimensions}d"
    mode, widths = _MODES[kind], (1,) * 2 * dimensions
    return numeric(
        name, f"torch.nn.{name}(1)(x)", cases=_CASES, x=real(*_SHAPES[dimensions]),
        workaround="" if name in _HAS else f"jt.nn.pad(x, {widths}, mode='{mode}')",
        note="" if name in _HAS else f"Jittor has no `{name}`.",
    )  # fmt: skip


def _pad(name: str, torch: str, workaround: str = "", note: str = "", dimensions: int = 2) -> Entry:
    return numeric(
        name, torch, cases=_CASES, workaround=workaround, note=note, x=real(*_SHAPES[dimensions])
    )


_OUTSIDE = "outside = 1 - jt.nn.pad(jt.ones_like(x), {0})\njt.nn.pad(x, {0}) + {1} * outside"
ENTRIES = (
    *(_padding(kind, d) for kind in _MODES for d in (1, 2, 3) if f"{kind}Pad{d}d" not in _HAS),
    *(
        _pad(f"ConstantPad{d}d, {value}", f"torch.nn.ConstantPad{d}d(1, {value})(x)",
             "" if d == 2 and value == 2.0 else _OUTSIDE.format((1,) * 2 * d, value),
             (_FRACTION if d == 2 and value == 0.5 else f"Jittor has no `ConstantPad{d}d`.")
             if (d, value) != (2, 2.0) else "", d)
        for d in (1, 2, 3) for value in (0.5, 2.0)
    ),
    _pad("ReflectionPad2d of four numbers", "torch.nn.ReflectionPad2d((1, 0, 2, 1))(x)",
         "jt.nn.pad(x, (1, 0, 2, 1), mode='reflect')", "Jittor accepts one number only."),
    _pad("ReflectionPad2d, three dimensions", "torch.nn.ReflectionPad2d(1)(x[0])",
         "jt.nn.ReflectionPad2d(1)(x[:1])[0]", "Jittor requires a batch dimension."),
    _pad("ZeroPad2d of four numbers", "torch.nn.ZeroPad2d((1, 0, 2, 1))(x)"),
    _pad("ZeroPad2d, three dimensions", "torch.nn.ZeroPad2d(1)(x[0])",
         "jt.nn.ZeroPad2d(1)(x[:1])[0]", "Jittor requires a batch dimension."),
    _pad("ZeroPad2d of negative widths", "torch.nn.ZeroPad2d((-1, 0, 0, 0))(x)", "x[..., 1:]",
         "Jittor refuses negative widths; cut instead."),
    _pad("pad of one dimension", "F.pad(x, (1, 2))"),
    _pad("pad of a sequence, reflect", "F.pad(x, (2, 1), mode='reflect')", dimensions=1),
    _pad("pad of a sequence, replicate", "F.pad(x, (2, 1), mode='replicate')", dimensions=1),
    _pad("pad of three dimensions", "F.pad(x, (1, 0, 2, 1, 0, 1))", dimensions=3),
    _pad("pad of three dimensions, replicate", "F.pad(x, (1, 0, 2, 1, 0, 1), mode='replicate')",
         dimensions=3),
    _pad("pad of channels", "F.pad(x, (0, 0, 0, 0, 1, 2))"),
    _pad("pad by 0", "F.pad(x, (0, 0))"),
    *(
        _pad(f"pad with {value}", f"F.pad(x, (1, 1, 1, 1), value={value})",
             "" if abs(float(value)) >= 1 else _OUTSIDE.format((1, 1, 1, 1), value),
             "" if abs(float(value)) >= 1 else _FRACTION)
        for value in ("1.0", "-1.0", "2.5", "-0.5", "1e-3")
    ),
    _pad("pad with -infinity", "F.pad(x, (1, 1), value=float('-inf'))"),
    _pad("pad circular, wider than the image", "F.pad(x, (4, 0, 3, 0), mode='circular')"),
    _pad("pad with a positional mode", "F.pad(x, (1, 1, 1, 1), 'reflect')"),
)  # fmt: skip
