"""Expressions of PyTorch and what says the same in Jittor; a test runs every pair of them.

A snippet is written with these names:

- `torch`, `nn` (torch.nn) and `F` (torch.nn.functional) in PyTorch; `jt` and `nn` (jittor.nn) in
  Jittor;
- float32 tensors `x` and `y` (2, 4, 6, 6), `w` (3, 4, 3, 3) and `m` (3, 6);
- `i`, an int32 tensor of shape (5,) with values below 3;
- `a`, a float64 NumPy array of shape (2, 3);
- `grad(loss, x)`, the gradient of a scalar, in examples that are not shown.
"""

from __future__ import annotations

from dataclasses import dataclass

TRAIN = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = {weight}

    {forward}(self, x):
        return (x * self.weight).sum()

model = Model()
optimizer = {optimizer}(model.parameters(), 0.1)
loss = model(m)
{step}
result = model.weight
"""
TRAINED_IN_TORCH = {
    "weight": "nn.Parameter(torch.ones(6))",
    "forward": "def forward",
    "optimizer": "torch.optim.SGD",
    "step": "optimizer.zero_grad(); loss.backward(); optimizer.step()",
}
TRAINED_IN_JITTOR = {
    "weight": "jt.ones(6)",
    "forward": "def execute",
    "optimizer": "nn.SGD",
    "step": "optimizer.step(loss)",
}
VALUE = "result = {}"


@dataclass(frozen=True)
class Translation:
    """A row of the guide's table.

    Attributes:
        torch, jittor: the snippets, as the table shows them.
        example: a program for both sides that leaves what is compared in `result`; `{}` stands for
            the snippet, or for the part of `TRAIN` that it is named after.
        note: a restriction, for the reader.
    """

    torch: str
    jittor: str
    example: str = VALUE
    note: str = ""

    def program(self, framework: str) -> str:
        """Return the example as it runs in "torch" or "jittor"."""
        snippet = self.torch if framework == "torch" else self.jittor
        if self.example in TRAINED_IN_TORCH:
            parts = TRAINED_IN_TORCH if framework == "torch" else TRAINED_IN_JITTOR
            return TRAIN.format(**{**parts, self.example: snippet})
        return self.example.replace("{}", snippet)


ONE_ELEMENT = "Jittor has no tensors without axes: the result has shape (1,)"

TRANSLATIONS = (
    # Types, modules, training
    Translation("torch.Tensor", "jt.Var", "result = x.sum() * float(isinstance(x, {}))"),
    Translation("def forward", "def execute", "forward"),
    Translation(
        "nn.Parameter(torch.ones(6))", "jt.ones(6)", "weight", "every Var of a module is one"
    ),
    Translation("torch.optim.SGD", "nn.SGD", "optimizer", "not so Adam, whose epsilon differs"),
    Translation(
        "optimizer.zero_grad(); loss.backward(); optimizer.step()", "optimizer.step(loss)", "step"
    ),
    Translation(
        "torch.autograd.grad(x.sin().sum(), [x])[0]",
        "jt.grad(x.sin().sum(), [x])[0]",
        "x.requires_grad = True\nresult = {}",
    ),
    Translation(
        "with torch.no_grad():",
        "with jt.no_grad():",
        "x.requires_grad = True\n{}\n    z = x * 2\nresult = grad((z * x).sum(), x)",
    ),
    # NumPy and dtypes
    Translation("torch.from_numpy(a)", "jt.array64(a)", note="`jt.array` narrows 64 bits to 32"),
    Translation("x.detach().cpu().numpy()", "x.numpy()", note="a copy in Jittor"),
    Translation("x.to(torch.float64)", "x.float64()"),
    Translation("x.to(torch.int32)", "x.int32()"),
    Translation("x.to(y.dtype)", "x.cast(y.dtype)", note="for dtypes, not for devices"),
    # Making tensors
    Translation("torch.zeros(2, 3)", "jt.zeros(2, 3)"),
    Translation("torch.zeros_like(x)", "jt.zeros_like(x)"),
    Translation("torch.full((2, 3), 0.5)", "jt.full((2, 3), 0.5)"),
    Translation("x.new_zeros(2, 3)", "jt.zeros((2, 3), dtype=x.dtype)"),
    Translation(
        "x.detach().clone()",
        "x.copy().stop_grad()",
        "x.requires_grad = True\nresult = grad(({} * x).sum(), x)",
        "`stop_grad` alone changes the tensor itself",
    ),
    # Shapes
    Translation("torch.cat([x, y], dim=1)", "jt.concat([x, y], dim=1)"),
    Translation("torch.stack([x, y], dim=1)", "jt.stack([x, y], dim=1)"),
    Translation("x.size(1)", "x.shape[1]"),
    Translation("x[:, :, None]", "x.unsqueeze(2)"),
    Translation("x.flatten(2).transpose(1, 2)", "x.flatten(2).permute(0, 2, 1)"),
    Translation("F.pad(x, (1, 1, 2, 2))", "nn.pad(x, (1, 1, 2, 2))"),
    # Arithmetic
    Translation("torch.tanh(x)", "jt.tanh(x)"),
    Translation("x.clamp(-1, 1)", "jt.clamp(x, -1, 1)"),
    Translation("x.square()", "x.sqr()"),
    Translation("torch.where(x > 0, x, y)", "jt.ternary(x > 0, x, y)"),
    Translation("x @ m.T", "jt.matmul(x, m.transpose(1, 0))"),
    Translation("x.sum()", "x.sum()", note=ONE_ELEMENT),
    Translation("x.amax(1)", "x.max(1)", note="its gradient differs where values are equal"),
    Translation("x.var(1, unbiased=False)", "(x - x.mean(1, keepdims=True)).sqr().mean(1)"),
    # Layers
    Translation("F.linear(x, m)", "nn.linear(x, m)"),
    Translation("F.conv2d(x, w, padding=1)", "nn.conv2d(x, w, padding=1)"),
    Translation("F.embedding(i, m)", "m[i]"),
    Translation("F.relu(x)", "nn.relu(x)"),
    Translation("F.gelu(x)", "nn.gelu(x)"),
    Translation("F.softmax(x, dim=1)", "nn.softmax(x, dim=1)"),
    Translation("F.avg_pool2d(x, 2)", "nn.avg_pool2d(x, 2)"),
    Translation(
        "F.interpolate(x, scale_factor=2)", 'nn.interpolate(x, scale_factor=2, mode="nearest")'
    ),
    Translation("F.mse_loss(x, y)", "(x - y).sqr().mean()", note=ONE_ELEMENT),
    Translation(
        "F.scaled_dot_product_attention(x, y, y)",
        "jt.matmul(nn.softmax(jt.matmul(x, y.transpose(-2, -1)) * 6**-0.5, dim=-1), y)",
        note="6 is the width of a head",
    ),
)

# Pairs that read alike and are not the same function.
FALSE_FRIENDS = (
    Translation("torch.from_numpy(a)", "jt.array(a)", note="float64 and int64 become 32 bits"),
    Translation("x.var()", "x.var()", note="Jittor divides by n, PyTorch by n - 1"),
    Translation(
        "F.interpolate(x, scale_factor=2)",
        "nn.interpolate(x, scale_factor=2)",
        note="Jittor's default is bilinear, PyTorch's nearest",
    ),
    Translation(
        "nn.Dropout(0.5)",
        "nn.Dropout(0.5)",
        "result = x * float(({}(x) == x).all())",
        note="a new module of Jittor does not train until `.train()`",
    ),
)
