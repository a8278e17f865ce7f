"""Padding in every mode, including widths that are negative or exceed the image."""

from parity.atlas.entry import Entry, real

_CASES = ("ordinary", "nan", "one row")


def _pad(name: str, torch: str, jittor: str, workaround: str = "", note: str = "") -> Entry:
    return Entry(
        name=name, torch=torch, jittor=jittor, inputs={"x": real(1, 2, 3, 4)}, cases=_CASES,
        workaround=workaround, note=note,
    )  # fmt: skip


ENTRIES = (
    _pad(
        "constant",
        "F.pad(x, (1, 2, 0, 1), value=0.5)",
        "jt.nn.pad(x, (1, 2, 0, 1), value=0.5)",
        "outside = 1 - jt.nn.pad(jt.ones_like(x), (1, 2, 0, 1))\n"
        "jt.nn.pad(x, (1, 2, 0, 1)) + 0.5 * outside",
        "A value between -1 and 1 other than 0 does not compile.",
    ),
    _pad(
        "negative",
        "F.pad(x, (-1, 0, 1, -1))",
        "jt.nn.pad(x, (-1, 0, 1, -1))",
        "jt.nn.pad(x[:, :, :-1, 1:], (0, 0, 1, 0))",
        "A negative width does not compile.",
    ),
    _pad(
        "reflect",
        "F.pad(x, (1, 2, 1, 0), mode='reflect')",
        "jt.nn.pad(x, (1, 2, 1, 0), mode='reflect')",
    ),
    _pad(
        "reflect, wider than the image",
        "F.pad(x, (5, 0, 0, 0), mode='reflect')",
        "jt.nn.pad(x, (5, 0, 0, 0), mode='reflect')",
        note="Jittor reads memory outside the image.",
    ),
    _pad(
        "replicate",
        "F.pad(x, (1, 2, 3, 0), mode='replicate')",
        "jt.nn.pad(x, (1, 2, 3, 0), mode='replicate')",
    ),
    _pad(
        "circular",
        "F.pad(x, (1, 2, 1, 0), mode='circular')",
        "jt.nn.pad(x, (1, 2, 1, 0), mode='circular')",
    ),
    _pad("ZeroPad2d", "torch.nn.ZeroPad2d(1)(x)", "jt.nn.ZeroPad2d(1)(x)"),
    _pad("ReflectionPad2d", "torch.nn.ReflectionPad2d(2)(x)", "jt.nn.ReflectionPad2d(2)(x)"),
    _pad("ReplicationPad2d", "torch.nn.ReplicationPad2d(2)(x)", "jt.nn.ReplicationPad2d(2)(x)"),
    _pad(
        "ReplicationPad2d of four numbers",
        "torch.nn.ReplicationPad2d((1, 0, 2, 1))(x)",
        "jt.nn.ReplicationPad2d((1, 0, 2, 1))(x)",
        "jt.nn.pad(x, (1, 0, 2, 1), mode='replicate')",
        "Jittor accepts one number only.",
    ),
    _pad(
        "ReplicationPad2d, three dimensions",
        "torch.nn.ReplicationPad2d(2)(x[0])",
        "jt.nn.ReplicationPad2d(2)(x[0])",
        "jt.nn.ReplicationPad2d(2)(x[:1])[0]",
        "Jittor requires a batch dimension.",
    ),
    _pad(
        "ConstantPad2d of four numbers",
        "torch.nn.ConstantPad2d((1, 0, 2, 1), 0.5)(x)",
        "jt.nn.ConstantPad2d((1, 0, 2, 1), 0.5)(x)",
        "outside = 1 - jt.nn.ZeroPad2d((1, 0, 2, 1))(jt.ones_like(x))\n"
        "jt.nn.ZeroPad2d((1, 0, 2, 1))(x) + 0.5 * outside",
        "A value between -1 and 1 other than 0 does not compile; four widths do.",
    ),
)
