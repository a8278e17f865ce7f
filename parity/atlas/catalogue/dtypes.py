"""Dtypes, scalars, and the shapes and types of results."""

from parity.atlas.entry import rule

ENTRIES = (
    rule(
        "int / int, dtype",
        "(torch.tensor([7]) / torch.tensor([2])).dtype",
        "(jt.array([7]) / jt.array([2])).dtype",
    ),
    rule(
        "int / int",
        "(torch.tensor([7]) / torch.tensor([2])).tolist()",
        "(jt.array([7]) / jt.array([2])).tolist()",
    ),
    rule(
        "negative int // int",
        "(torch.tensor([-7]) // 2).tolist()",
        "(jt.array([-7]) // 2).tolist()",
        "jt.floor(jt.array([-7]).float() / 2).int().tolist()",
        "PyTorch rounds a quotient down, Jittor towards zero.",
    ),
    rule(
        "negative int % int",
        "(torch.tensor([-7]) % 3).tolist()",
        "(jt.array([-7]) % 3).tolist()",
        note="PyTorch gives the remainder the sign of the divisor, Jittor that of the dividend.",
    ),
    rule(
        "int // 0",
        "(torch.tensor([7]) // torch.tensor([0])).tolist()",
        "(jt.array([7]) // jt.array([0])).tolist()",
        note="The division by zero ends the process; PyTorch raises an exception.",
    ),
    rule(
        "default integer dtype",
        "torch.tensor([1]).dtype",
        "jt.array([1]).dtype",
        note="Request `int64` and set `jt.flags.auto_convert_64_to_32 = 0` where 64 bits are "
        "needed.",
        workaround="jt.flags.auto_convert_64_to_32 = 0\nd = jt.array([1], dtype='int64').dtype\n"
        "jt.flags.auto_convert_64_to_32 = 1\nd",
    ),
    rule("default float dtype", "torch.tensor([1.0]).dtype", "jt.array([1.0]).dtype"),
    rule(
        "float64 from NumPy",
        "torch.tensor(np.zeros(1)).dtype",
        "jt.array(np.zeros(1)).dtype",
        "jt.array64(np.zeros(1)).dtype",
        "Jittor casts to float32 without a warning.",
    ),
    rule(
        "int64 from NumPy",
        "torch.tensor(np.array([2**40])).tolist()",
        "jt.array(np.array([2**40])).tolist()",
        "jt.array64(np.array([2**40])).tolist()",
        "Jittor casts to int32 without a warning: large keys and sizes wrap around.",
    ),
    rule(
        "dtype of arange",
        "torch.arange(3).dtype",
        "jt.arange(3).dtype",
        note="Jittor's default integers have 32 bits.",
    ),
    rule(
        "dtype of argmax",
        "torch.ones(3).argmax(0).dtype",
        "jt.ones(3).argmax(0)[0].dtype",
        note="Jittor's default integers have 32 bits.",
    ),
    rule("dtype of a comparison", "(torch.ones(2) > 0).dtype", "(jt.ones(2) > 0).dtype"),
    rule(
        "sum of booleans",
        "(torch.ones(3) > 0).sum().item()",
        "(jt.ones(3) > 0).sum().item()",
        note="Both count the true elements.",
    ),
    rule(
        "sum of booleans, dtype",
        "(torch.ones(3) > 0).sum().dtype",
        "(jt.ones(3) > 0).sum().dtype",
        note="Jittor's default integers have 32 bits.",
    ),
    rule(
        "mean of ints",
        "torch.tensor([1, 2]).mean().item()",
        "jt.array([1, 2]).mean().item()",
        note="Jittor converts integers to float32; PyTorch raises an exception.",
    ),
    rule(
        "int sum beyond 32 bits",
        "torch.tensor([2**30] * 4).sum().item()",
        "jt.array([2**30] * 4).sum().item()",
        "jt.array([2**30] * 4).cast('int64').sum().item()",
        "Integers have 32 bits, and sums wrap around.",
    ),
    rule(
        "sum of uint8",
        "torch.tensor([200, 100], dtype=torch.uint8).sum().item()",
        "jt.array(np.uint8([200, 100])).sum().item()",
        "jt.array(np.uint8([200, 100])).int().sum().item()",
        "Jittor sums in 8 bits.",
    ),
    rule(
        "int + float",
        "(torch.tensor([1]) + torch.tensor([0.5])).dtype",
        "(jt.array([1]) + jt.array([0.5])).dtype",
    ),
    rule("int + Python float", "(torch.tensor([1]) + 0.5).dtype", "(jt.array([1]) + 0.5).dtype"),
    rule(
        "float32 + float64",
        "(torch.ones(1) + torch.ones(1, dtype=torch.float64)).dtype",
        "(jt.ones(1) + jt.ones(1, dtype='float64')).dtype",
        note=(
            "A right operand of one element counts as a number: the sum has the dtype of "
            "the left one. With more elements it is float64."
        ),
    ),
    rule(
        "float64 * Python float",
        "(torch.ones(2, dtype=torch.float64) * 0.2).tolist()",
        "(jt.ones((2,), dtype='float64') * 0.2).tolist()",
        "(jt.ones((2,), dtype='float64') * jt.array64(np.array([[0.2]])).reshape(1)).tolist()",
        "Jittor converts Python numbers to float32, in a float64 graph too.",
    ),
    rule(
        "Python float * float64",
        "(0.2 * torch.ones(2, dtype=torch.float64)).dtype",
        "(0.2 * jt.ones((2,), dtype='float64')).dtype",
        "(jt.array64(np.array([[0.2]])).reshape(1) * jt.ones((2,), dtype='float64')).dtype",
        "Jittor converts Python numbers to float32, in a float64 graph too.",
    ),
    rule(
        "float64 / Python int",
        "(torch.ones(1, dtype=torch.float64) / 3).tolist()",
        "(jt.ones((1,), dtype='float64') / 3).tolist()",
    ),
    rule(
        "float64 ** Python float",
        "(torch.full((2,), 2.0, dtype=torch.float64) ** 0.3).dtype",
        "(jt.full((2,), 2.0, dtype='float64') ** 0.3).dtype",
    ),
    rule(
        "gradient of mean in float64",
        "x = torch.ones(21, dtype=torch.float64, requires_grad=True)\n"
        "torch.autograd.grad(x.mean(), x)[0][:1].tolist()",
        "x = jt.ones((21,), dtype='float64')\njt.grad(x.mean(), x)[:1].tolist()",
        "x = jt.ones((21,), dtype='float64')\njt.grad(x.sum() / 21, x)[:1].tolist()",
        "The factor 1/n is a float32 constant.",
    ),
    rule(
        "float64 matmul of a float32",
        "(torch.ones(2, 2, dtype=torch.float64) @ torch.ones(2, 2)).dtype",
        "str((jt.ones((2, 2), dtype='float64') @ jt.ones((2, 2))).numpy().dtype)",
        note="PyTorch raises an exception.",
    ),
    rule(
        "shape of a scalar",
        "list(torch.ones(3).sum().shape)",
        "list(jt.ones(3).sum().shape)",
        note="Jittor has no zero-dimensional tensors: a sum has shape [1].",
    ),
    rule(
        "shape of an element",
        "list(torch.ones(3)[0].shape)",
        "list(jt.ones(3)[0].shape)",
        note="Jittor has no zero-dimensional tensors.",
    ),
    rule(
        "return type of max(dim)",
        "isinstance(torch.ones(2, 2).max(1), tuple)",
        "isinstance(jt.ones((2, 2)).max(1), tuple)",
        note="PyTorch returns values and indices, Jittor values alone: `a, b = x.max(1)` "
        "unpacks rows.",
    ),
    rule(
        "return type of argmax(dim)",
        "isinstance(torch.ones(2, 2).argmax(1), tuple)",
        "isinstance(jt.ones((2, 2)).argmax(1), tuple)",
        "isinstance(jt.ones((2, 2)).argmax(1)[0], tuple)",
        "Jittor returns indices and values, as `jt.argsort` does.",
    ),
    rule(
        "argmax without dim",
        "torch.tensor([[1.0, 3.0], [2.0, 0.0]]).argmax().item()",
        "jt.array([[1.0, 3.0], [2.0, 0.0]]).argmax().item()",
        "jt.array([[1.0, 3.0], [2.0, 0.0]]).reshape(-1).argmax(0)[0].item()",
        note=("`argmax` requires a dimension; `dim=None` is the same as none in PyTorch."),
    ),
    rule(
        "round half",
        "torch.tensor([0.5, 1.5, 2.5]).round().tolist()",
        "jt.array([0.5, 1.5, 2.5]).round().tolist()",
        "(2 * (x := jt.array([0.5, 1.5, 2.5]) / 2).floor() + (x - x.floor() > 0.25).float() "
        "+ (x - x.floor() >= 0.75).float()).tolist()",
        "PyTorch rounds halves to the even neighbour, Jittor away from zero.",
    ),
    rule(
        "float to int",
        "torch.tensor([-1.7, 1.7]).int().tolist()",
        "jt.array([-1.7, 1.7]).int().tolist()",
    ),
    rule(
        "NaN to bool",
        "bool(torch.tensor(float('nan')))",
        "bool(jt.array(float('nan')))",
        note="`bool` of a tensor of floats is refused: compare with 0 instead.",
    ),
    rule(
        "denormal numbers",
        "(torch.tensor([1e-40]) * 1).item() > 0",
        "(jt.array([1e-40]) * 1).item() > 0",
        note="With the compiler flags of `jittor_env`. With Jittor's defaults they become 0, in "
        "PyTorch and NumPy too, in the entire process.",
    ),
    rule(
        "NaN is not equal to itself",
        "(torch.tensor([np.nan]) == torch.tensor([np.nan])).tolist()",
        "(jt.array([np.nan]) == jt.array([np.nan])).tolist()",
        note="With the compiler flags of `jittor_env`; with Jittor's defaults, comparisons with "
        "NaN "
        "break.",
    ),
    rule(
        "float16 sum",
        "torch.full((4096,), 1.0, dtype=torch.float16).sum().item()",
        "jt.full((4096,), 1.0, dtype='float16').sum().item()",
    ),
)
