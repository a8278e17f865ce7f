"""Normalisation layers in training and in evaluation, their running statistics, and norms."""

from parity.atlas.catalogue._sources import norm
from parity.atlas.entry import Entry, real, weight

_CASES = (
    "ordinary", "zeros", "constant", "large offset", "large magnitude", "tiny magnitude",
    "infinity", "nan", "one row",
)  # fmt: skip
_ONE_PASS = (
    "The variance is computed in one pass, E[x^2] - E[x]^2, which loses digits to cancellation."
)
_BATCH = """m = jt.nn.BatchNorm(3)
mean = x.mean((0, 2, 3), keepdims=True)
variance = (x - mean).sqr().mean((0, 2, 3), keepdims=True)
(x - mean) / jt.sqrt(variance + m.eps)"""
_TWO_BATCHES = """m = {}.nn.BatchNorm{}(3)
m.train()
for batch in (x, 2 * x):
    m(batch)
m.running_var"""
_RUNNING = """m = {}.nn.BatchNorm{}(3)
m.train()
m(x)
m.{}"""


def _two_pass(dims: str, shape: str = "x", back: str = "") -> str:
    return (
        f"g = {shape}\ncentred = g - g.mean({dims}, keepdims=True)\n"
        f"variance = centred.sqr().mean({dims}, keepdims=True)\n"
        f"(centred / jt.sqrt(variance + 1e-5)){back}"
    )


ENTRIES = (
    Entry(
        name="LayerNorm",
        torch="F.layer_norm(x, (6,))",
        jittor="jt.nn.layer_norm(x, (6,))",
        inputs={"x": real(4, 6)},
        cases=_CASES,
        workaround=_two_pass("1"),
        note=_ONE_PASS,
    ),
    Entry(
        name="LayerNorm with weights",
        torch="F.layer_norm(x, (6,), w, b)",
        jittor="jt.nn.layer_norm(x, (6,), w, b)",
        cases=("ordinary", "large offset"),
        inputs={"x": real(4, 6), "w": weight(6), "b": weight(6)},
        note=_ONE_PASS,
    ),
    Entry(
        name="GroupNorm",
        torch="F.group_norm(x, 2)",
        jittor="jt.nn.group_norm(x, 2)",
        inputs={"x": real(2, 4, 2, 3)},
        cases=_CASES,
        workaround=_two_pass("2", "x.reshape(x.shape[0], 2, -1)", ".reshape(x.shape)"),
        note=_ONE_PASS,
    ),
    Entry(
        name="GroupNorm, sequence",
        torch="F.group_norm(x, 2)",
        jittor="jt.nn.group_norm(x, 2)",
        inputs={"x": real(2, 4, 3)},
        cases=("ordinary",),
        workaround="m = jt.nn.GroupNorm(2, 4)\nm(x)",
        note="The function flattens inputs that do not have four dimensions; the module does not.",
    ),
    Entry(
        name="InstanceNorm",
        torch="F.instance_norm(x)",
        jittor="jt.nn.instance_norm(x)",
        inputs={"x": real(2, 3, 2, 3)},
        cases=_CASES,
        workaround=_two_pass("(2, 3)"),
        note=_ONE_PASS,
    ),
    Entry(
        name="BatchNorm, training",
        torch="m = torch.nn.BatchNorm2d(3)\nm.train()\nm(x)",
        jittor="m = jt.nn.BatchNorm(3)\nm.train()\nm(x)",
        inputs={"x": real(4, 3, 2, 2)},
        cases=_CASES,
        workaround=_BATCH,
        note=_ONE_PASS,
    ),
    Entry(
        name="BatchNorm, evaluation",
        torch="m = torch.nn.BatchNorm2d(3)\nm.eval()\nm(x)",
        jittor="m = jt.nn.BatchNorm(3)\nm.eval()\nm(x)",
        inputs={"x": real(4, 3, 2, 2)},
        cases=_CASES,
    ),
    Entry(
        name="BatchNorm, running mean",
        torch=_RUNNING.format("torch", "2d", "running_mean"),
        jittor=_RUNNING.format("jt", "", "running_mean"),
        inputs={"x": real(4, 3, 2, 2)},
        cases=("ordinary", "large offset"),
        gradient=False,
    ),
    Entry(
        name="BatchNorm, running variance",
        torch=_TWO_BATCHES.format("torch", "2d"),
        jittor=_TWO_BATCHES.format("jt", ""),
        inputs={"x": real(4, 3, 2, 2)},
        cases=("ordinary",),
        gradient=False,
        workaround="""m = jt.nn.BatchNorm(3)
m.train()
n = x.numel() // x.shape[1]
for batch in (x, 2 * x):
    previous = 0.9 * m.running_var.cast(x.dtype)
    m(batch)
    m.running_var.assign(m.running_var + (m.running_var - previous) / (n - 1))
m.running_var""",
        note="Jittor keeps the biased variance, PyTorch the unbiased one: a model evaluates "
        "differently after training on small batches.",
    ),
    Entry(
        name="BatchNorm, batch of one",
        torch="m = torch.nn.BatchNorm1d(3)\nm.train()\nm(x)",
        jittor="m = jt.nn.BatchNorm(3)\nm.train()\nm(x)",
        inputs={"x": real(1, 3)},
        cases=("ordinary",),
        note="PyTorch raises an exception, because every channel would become its bias.",
    ),
    Entry(
        name="normalize",
        torch="F.normalize(x, dim=1)",
        jittor="jt.normalize(x, dim=1)",
        inputs={"x": real(3, 4)},
        cases=_CASES,
        note=(
            "PyTorch divides by max(norm, 1e-12). Jittor clamps the sum of squares at "
            "1e-30, so that the norm is at least 1e-15: the gradient at 0 is a thousand "
            "times as large."
        ),
    ),
    Entry(
        name="norm of order 2",
        torch="torch.norm(x, 2, dim=1)",
        jittor="jt.norm(x, 2, dim=1)",
        inputs={"x": real(3, 4)},
        cases=_CASES,
        note="The sum of squares is clamped to at least 1e-30, so that the norm of zeros is 1e-15.",
        workaround=norm("x.sqr().sum(1)"),
    ),
    Entry(
        name="norm of order 1",
        torch="torch.norm(x, 1, dim=1)",
        jittor="jt.norm(x, 1, dim=1)",
        inputs={"x": real(3, 4)},
        cases=_CASES,
        note=(
            "The gradient of the absolute value is 1 at 0 and -1 at NaN in Jittor, and 0 in "
            "PyTorch."
        ),
    ),
    Entry(
        name="norm without dim",
        torch="torch.norm(x)",
        jittor="jt.norm(x)",
        inputs={"x": real(3, 4)},
        cases=_CASES,
        workaround=norm("x.sqr().sum()"),
        note="Without `dim`, Jittor computes the norm over the last dimension.",
    ),
)
