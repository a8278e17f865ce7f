"""Automatic differentiation: stopping, repeating and customising gradients."""

from parity.atlas.entry import Entry, numeric, real, rule

_X = {"x": real(3, 4)}
_T = "x = torch.tensor([1.0, 2.0], requires_grad=True)\n"
_J = "x = jt.array([1.0, 2.0])\n"
_FUNCTION = """class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 2 * x
    @staticmethod
    def backward(ctx, g):
        return 3 * g
"""
_J_FUNCTION = """class Double(jt.Function):
    def execute(self, x):
        self.x = x
        return 2 * x
    def grad(self, g):
        return 3 * g
"""
_BOTH = """gradients = []
for convert in (1, 0):
    jt.flags.auto_convert_64_to_32 = convert
    p = jt.array(np.ones(3))
    gradients.append(jt.grad({}, p).tolist())
jt.flags.auto_convert_64_to_32 = 1
gradients"""
_STRAIGHT = "x + (torch.round(x) - x).detach()"


def _gradient(
    name: str, torch: str, jittor: str = "", workaround: str = "", note: str = ""
) -> Entry:
    """Return an entry of the gradient of `y`, or of what the source ends in."""
    return rule(
        name, f"{_T}{torch}", f"{_J}{jittor or torch.replace('torch.', 'jt.')}", note=note,
        workaround=workaround and _J + workaround,
    )  # fmt: skip


ENTRIES = (
    numeric("detach of a factor", "x * x.detach()", inputs=_X),
    numeric("straight-through rounding", _STRAIGHT, inputs=_X),
    numeric("straight-through sign", "torch.sign(x).detach() + x - x.detach()",
            "jt.nn.sign(x).detach() + x - x.detach()", inputs=_X),
    numeric("gradient of a maximum and its detached mask",
            "(x == x.amax(1, keepdim=True)).to(x.dtype).detach() * x",
            "(x == x.max(1, keepdims=True)).cast(x.dtype).detach() * x", inputs=_X),
    numeric("custom function", _FUNCTION + "Double.apply(x) * x",
            _J_FUNCTION + "Double.apply(x) * x", inputs=_X),
    numeric("custom function without a gradient for an argument",
            "class Scale(torch.autograd.Function):\n    @staticmethod\n"
            "    def forward(ctx, x, n):\n        ctx.n = n\n        return n * x\n"
            "    @staticmethod\n    def backward(ctx, g):\n        return ctx.n * g, None\n"
            "Scale.apply(x, 3.0)",
            "class Scale(jt.Function):\n    def execute(self, x, n):\n        self.n = n\n"
            "        return n * x\n    def grad(self, g):\n        return self.n * g, None\n"
            "Scale.apply(x, 3.0)", inputs=_X),
    numeric("custom function with two results",
            "class Both(torch.autograd.Function):\n    @staticmethod\n"
            "    def forward(ctx, x):\n        return 2 * x, 3 * x\n"
            "    @staticmethod\n    def backward(ctx, a, b):\n        return a - b\n"
            "Both.apply(x)",
            "class Both(jt.Function):\n    def execute(self, x):\n        return 2 * x, 3 * x\n"
            "    def grad(self, a, b):\n        return a - b\n"
            "Both.apply(x)", inputs=_X),
    numeric("gradient reversal",
            "class Reverse(torch.autograd.Function):\n    @staticmethod\n"
            "    def forward(ctx, x):\n        return x.clone()\n"
            "    @staticmethod\n    def backward(ctx, g):\n        return -g\n"
            "Reverse.apply(x * x)",
            "class Reverse(jt.Function):\n    def execute(self, x):\n        return x.clone()\n"
            "    def grad(self, g):\n        return -g\nReverse.apply(x * x)", inputs=_X),
    rule("a loss plus a multiple of another, in float32, then in float64",
         "gradients = []\nfor dtype in (torch.float32, torch.float64):\n"
         "    p = torch.ones(3, dtype=dtype, requires_grad=True)\n"
         "    gradients.append(torch.autograd.grad(p.sum() + p.sum() * 2, p)[0].tolist())\n"
         "gradients",
         _BOTH.format("p.sum() + p.sum() * 2"),
         note="Once the process has run float32 kernels, a float64 tensor of one element that is "
         "fused into a kernel may be read wrongly: here the gradient is multiplied by it. In a "
         "process that runs float64 alone it is right."),
    numeric("a value used twice", "y = x * 2\ny * y + y", inputs=_X),
    numeric("a loop over time", "h = x[0] * 0\nfor r in x:\n    h = torch.tanh(h + r)\nh",
            "h = x[0] * 0\nfor r in x:\n    h = jt.tanh(h + r)\nh", inputs=_X),
    numeric("a branch by value", "y = x * 2 if x.sum() > 0 else x * 3\ny",
            "y = x * 2 if (x.sum() > 0).item() else x * 3\ny", inputs=_X),
    _gradient("gradient", "torch.autograd.grad((x * x).sum(), x)[0].tolist()",
              "jt.grad((x * x).sum(), x).tolist()"),
    _gradient("gradient twice",
              "y = (x * x).sum()\na = torch.autograd.grad(y, x, retain_graph=True)[0]\n"
              "b = torch.autograd.grad(y, x)[0]\n(a + b).tolist()",
              "y = (x * x).sum()\na = jt.grad(y, x)\nb = jt.grad(y, x)\n(a + b).tolist()"),
    _gradient("gradient twice without retain_graph",
              "y = (x * x).sum()\na = torch.autograd.grad(y, x)[0]\n"
              "b = torch.autograd.grad(y, x)[0]\n(a + b).tolist()",
              "y = (x * x).sum()\na = jt.grad(y, x)\nb = jt.grad(y, x)\n(a + b).tolist()",
              note="Jittor keeps the graph."),
    _gradient("second derivative",
              "g = torch.autograd.grad((x ** 3).sum(), x, create_graph=True)[0]\n"
              "torch.autograd.grad(g.sum(), x)[0].tolist()",
              "g = jt.grad((x ** 3).sum(), x)\njt.grad(g.sum(), x).tolist()"),
    _gradient("second derivative of a sigmoid",
              "g = torch.autograd.grad(torch.sigmoid(x).sum(), x, create_graph=True)[0]\n"
              "[round(v, 5) for v in torch.autograd.grad(g.sum(), x)[0].tolist()]",
              "g = jt.grad(jt.sigmoid(x).sum(), x)\n"
              "[round(v, 5) for v in jt.grad(g.sum(), x).tolist()]"),
    _gradient("gradient penalty",
              "g = torch.autograd.grad((x ** 2).sum(), x, create_graph=True)[0]\n"
              "p = (g.norm(2) - 1) ** 2\n"
              "[round(v, 4) for v in torch.autograd.grad(p, x)[0].tolist()]",
              "g = jt.grad((x ** 2).sum(), x)\np = (g.norm(2) - 1) ** 2\n"
              "[round(v, 4) for v in jt.grad(p, x).tolist()]"),
    _gradient("gradient with respect to an intermediate value",
              "y = x * 2\ntorch.autograd.grad((y * y).sum(), y)[0].tolist()",
              "y = x * 2\njt.grad((y * y).sum(), y).tolist()"),
    _gradient("gradients with respect to a list",
              "y = x * 2\n[g.tolist() for g in torch.autograd.grad((y * x).sum(), [x, y])]",
              "y = x * 2\n[g.tolist() for g in jt.grad((y * x).sum(), [x, y])]"),
    _gradient("gradient weighted by a vector",
              "torch.autograd.grad(x * x, x, torch.tensor([1.0, 10.0]))[0].tolist()",
              "jt.grad(x * x, x, jt.array([1.0, 10.0])).tolist()",
              "jt.grad((x * x * jt.array([1.0, 10.0])).sum(), x).tolist()",
              "The third argument of Jittor's `grad` is `retain_graph`."),
    _gradient("no_grad", "with torch.no_grad():\n    y = x * 2\ny.requires_grad"),
    _gradient("set_grad_enabled", "with torch.set_grad_enabled(False):\n    y = x * 2\n"
              "y.requires_grad", "with jt.set_grad_enabled(False):\n    y = x * 2\n"
              "y.requires_grad", "with jt.no_grad():\n    y = x * 2\ny.requires_grad",
              "Jittor has no `set_grad_enabled`."),
    _gradient("inference_mode", "with torch.inference_mode():\n    y = x * 2\ny.requires_grad",
              "", "with jt.no_grad():\n    y = x * 2\ny.requires_grad",
              "Jittor has no `inference_mode`."),
    _gradient("no_grad as a decorator",
              "@torch.no_grad()\ndef f(a):\n    return a * 2\nf(x).requires_grad"),
    _gradient("enable_grad within no_grad",
              "with torch.no_grad():\n    with torch.enable_grad():\n        y = x * 2\n"
              "y.requires_grad"),
    _gradient("requires_grad of a result", "(x * 2).requires_grad"),
    _gradient("requires_grad_ off", "x.requires_grad_(False)\nx.requires_grad",
              "x.requires_grad = False\nx.requires_grad"),
    _gradient("requires_grad of a comparison", "(x > 0).requires_grad"),
    _gradient("requires_grad of an integer", "x.long().requires_grad"),
    _gradient("numpy() of a tensor with a gradient", "x.numpy().tolist()",
              note="PyTorch requires `detach()`."),
    _gradient("is_leaf", "x.is_leaf", note="Jittor's tensors have no `is_leaf`."),
    _gradient("grad attribute", "(x * x).sum().backward()\nx.grad.tolist()",
              "jt.grad((x * x).sum(), x)\nx.grad.tolist()",
              note="Jittor keeps no gradient beside its tensor: use the value that `jt.grad` "
              "returns.", workaround="g = jt.grad((x * x).sum(), x)\ng.tolist()"),
    _gradient("hook of a tensor that changes the gradient",
              "y = x * 2\ny.register_hook(lambda g: g * 10)\n"
              "torch.autograd.grad(y.sum(), x)[0].tolist()",
              "y = x * 2\ny.register_hook(lambda g: g * 10)\njt.grad(y.sum(), x).tolist()"),
    _gradient("hook of a tensor that sees the gradient",
              "seen = []\ny = x * 2\ny.register_hook(lambda g: seen.append(g.tolist()))\n"
              "torch.autograd.grad(y.sum(), x)\nseen",
              "seen = []\ny = x * 2\ny.register_hook(lambda g: seen.append(g.tolist()))\n"
              "jt.grad(y.sum(), x).sync()\nseen"),
    _gradient("hook of the input itself",
              "seen = []\nx.register_hook(lambda g: seen.append(1))\n"
              "torch.autograd.grad((x * 2).sum(), x)\nlen(seen)",
              "seen = []\nx.register_hook(lambda g: seen.append(1))\n"
              "jt.grad((x * 2).sum(), x).sync()\nlen(seen)",
              "seen = []\ny = x * 1\ny.register_hook(lambda g: seen.append(1))\n"
              "jt.grad((y * 2).sum(), x).sync()\nlen(seen)",
              "The hook of the tensor that is differentiated with respect to is not called; that "
              "of a value computed from it is."),
    _gradient("Jacobian", "torch.autograd.functional.jacobian(lambda a: a * a, x).tolist()",
              "jt.gradfunctional.jacobian(lambda a: a * a, x).tolist()",
              "jt.stack([jt.grad(v, x) for v in x * x], 0).tolist()",
              "Jittor has `jvp` and `vjp` only."),
    _gradient("Hessian",
              "torch.autograd.functional.hessian(lambda a: (a ** 3).sum(), x).tolist()",
              "jt.gradfunctional.hessian(lambda a: (a ** 3).sum(), x).tolist()",
              "g = jt.grad((x ** 3).sum(), x)\njt.stack([jt.grad(v, x) for v in g], 0).tolist()",
              "Jittor has `jvp` and `vjp` only."),
    _gradient("vjp", "torch.autograd.functional.vjp(lambda a: a * a, x, torch.ones(2))[1].tolist()",
              "jt.gradfunctional.vjp(lambda a: a * a, x, jt.ones(2))[1].tolist()"),
    _gradient("jvp", "torch.autograd.functional.jvp(lambda a: a * a, x, torch.ones(2))[1].tolist()",
              "jt.gradfunctional.jvp(lambda a: a * a, x, jt.ones(2))[1].tolist()"),
    _gradient("checkpointing",
              "import torch.utils.checkpoint\ny = torch.utils.checkpoint.checkpoint(torch.exp, x, "
              "use_reentrant=False)\n"
              "[round(v, 4) for v in torch.autograd.grad(y.sum(), x)[0].tolist()]",
              "y = jt.utils.checkpoint.checkpoint(jt.exp, x)\n"
              "[round(v, 4) for v in jt.grad(y.sum(), x).tolist()]",
              "y = jt.exp(x)\n[round(v, 4) for v in jt.grad(y.sum(), x).tolist()]",
              "Jittor has no checkpointing of activations."),
    _gradient("vmap", "torch.vmap(lambda a: a * 2)(x).tolist()", "", "(x * 2).tolist()",
              "Jittor has no `vmap`."),
    _gradient("func.grad", "torch.func.grad(lambda a: (a * a).sum())(x).tolist()", "",
              "jt.grad((x * x).sum(), x).tolist()", "Jittor has no `func`."),
    _gradient("gradient of an integer power of zero",
              "x = torch.zeros(1, requires_grad=True)\n"
              "torch.autograd.grad(x ** 2, x)[0].tolist()",
              "x = jt.zeros(1)\njt.grad(x ** 2, x).tolist()"),
    _gradient("gradient of the square root at 0",
              "x = torch.zeros(1, requires_grad=True)\n"
              "torch.autograd.grad(torch.sqrt(x), x)[0].tolist()",
              "x = jt.zeros(1)\njt.grad(jt.sqrt(x), x).tolist()"),
    _gradient("gradient of a norm at 0",
              "x = torch.zeros(2, requires_grad=True)\n"
              "torch.autograd.grad(x.norm(), x)[0].tolist()",
              "x = jt.zeros(2)\njt.grad(x.norm(), x).tolist()"),
)  # fmt: skip
