"""Options and state of optimizers, and optimizers that Jittor lacks."""

from parity.atlas.entry import Entry, numeric, real, rule, weight

_INPUTS = {"x": real(10, 3), "w": weight(3)}
_CASES = ("ordinary", "zeros", "tiny magnitude")
_TORCH = """p = torch.nn.Parameter(w.detach().clone())
o = torch.optim.{0}
for g in x.detach():
    o.zero_grad()
    {1}
    o.step()
p.detach()"""
_JITTOR = """p = w.clone()
o = jt.optim.{0}
for g in x:
    {1}
p"""
_LOSS = "(p * g).sum()"
_STATE = """p = w.clone()
{0}
for n, g in enumerate(x, 1):
    g = jt.grad((p * g).sum(), p)
    {1}
p"""


def _steps(
    name: str, torch: str, jittor: str = "", note: str = "", workaround: str = "", *,
    backward: str = f"{_LOSS}.backward()", step: str = f"o.step({_LOSS})",
) -> Entry:  # fmt: skip
    return numeric(
        name, _TORCH.format(torch, backward), _JITTOR.format(jittor or torch, step), cases=_CASES,
        gradient=False, note=note, workaround=workaround, inputs=_INPUTS,
    )  # fmt: skip


def _lacking(name: str, torch: str, state: str, update: str) -> Entry:
    """Return an entry whose workaround applies the update by hand: state, then each step."""
    lines = "\n    ".join(update.split("; "))
    return _steps(name, torch, note=f"Jittor has no `{name}`.",
                  workaround=_STATE.format(state, lines))  # fmt: skip


_EPSILON = "Jittor adds epsilon before the bias correction, PyTorch after it."
_ZEROS = "m, v = jt.zeros_like(p), jt.zeros_like(p)"
_MODEL = "p = jt.ones(2)\n"
ENTRIES = (
    _steps("SGD, maximize", "SGD([p], 0.1, maximize=True)",
           note="Jittor's optimizers have no argument `maximize`: negate the loss.",
           workaround=_JITTOR.format("SGD([p], 0.1)", "o.step(-(p * g).sum())")),
    _steps("SGD, weight decay without momentum", "SGD([p], 0.1, weight_decay=0.1)"),
    _steps("SGD, Nesterov and weight decay",
           "SGD([p], 0.1, momentum=0.9, nesterov=True, weight_decay=0.1)"),
    _steps("SGD of groups", "SGD([{'params': [p], 'lr': 0.2}], 0.1)"),
    _steps("SGD, learning rate changed by hand", "SGD([p], 0.1)",
           backward=f"o.param_groups[0]['lr'] = 0.05; {_LOSS}.backward()",
           step=f"o.lr = 0.05; o.step({_LOSS})"),
    _steps("SGD, learning rate changed in the group", "SGD([p], 0.1)",
           backward=f"o.param_groups[0]['lr'] = 0.05; {_LOSS}.backward()",
           step=f"o.param_groups[0]['lr'] = 0.05; o.step({_LOSS})"),
    _steps("Adam, betas", "Adam([p], 1e-3, betas=(0.5, 0.9))", note=_EPSILON,
           workaround=_JITTOR.format("AdamW([p], 1e-3, betas=(0.5, 0.9), weight_decay=0)",
                                     f"o.step({_LOSS})")),
    _steps("Adam, amsgrad", "Adam([p], 0.01, amsgrad=True)",
           note="Jittor's optimizers have no argument `amsgrad`.",
           workaround=_STATE.format(
               f"{_ZEROS}\nlargest = jt.zeros_like(p)",
               "m = 0.9 * m + 0.1 * g\n    v = 0.999 * v + 0.001 * g * g\n"
               "    largest = jt.maximum(largest, v)\n"
               "    p.update(p - 0.01 * (m / (1 - 0.9**n)) / "
               "(jt.sqrt(largest) / (1 - 0.999**n) ** 0.5 + 1e-8))")),
    _steps("AdamW, betas", "AdamW([p], 1e-3, betas=(0.5, 0.9), weight_decay=0.1)"),
    _steps("AdamW, epsilon 0.1", "AdamW([p], 1e-2, eps=0.1, weight_decay=0.1)"),
    _steps("AdamW of groups with their own decay",
           "AdamW([{'params': [p], 'weight_decay': 0.5}], 1e-2, weight_decay=0.1)"),
    _steps("SGD, two backward passes for each step", "SGD([p], 0.1)",
           backward=f"{_LOSS}.backward(); ({_LOSS} * 2).backward()",
           step=f"o.backward({_LOSS}); o.backward({_LOSS} * 2); o.step()"),
    _steps("AdamW, two backward passes for each step", "AdamW([p], 1e-2, weight_decay=0)",
           backward=f"{_LOSS}.backward(); ({_LOSS} * 2).backward()",
           step=f"o.backward({_LOSS}); o.backward({_LOSS} * 2); o.step()",
           note="Jittor counts backward passes, not steps, so that the bias correction is that of "
           "a later step: add the losses and call `step(loss)` once.",
           workaround=_JITTOR.format("AdamW([p], 1e-2, weight_decay=0)",
                                     "o.step((p * g + p * g * 2).sum())")),
    _steps("RMSprop, alpha", "RMSprop([p], 1e-2, alpha=0.9)"),
    _steps("RMSprop, momentum", "RMSprop([p], 1e-2, momentum=0.9)",
           note="Jittor's RMSprop has no argument `momentum`.",
           workaround=_STATE.format(_ZEROS, "v = 0.99 * v + 0.01 * g * g\n"
                                    "    m = 0.9 * m + g / (jt.sqrt(v) + 1e-8)\n"
                                    "    p.update(p - 0.01 * m)")),
    _steps("RMSprop, weight decay", "RMSprop([p], 1e-2, weight_decay=0.1)",
           note="Jittor's RMSprop has no argument `weight_decay`.",
           workaround=_STATE.format(_ZEROS, "g = g + 0.1 * p\n    v = 0.99 * v + 0.01 * g * g\n"
                                    "    p.update(p - 0.01 * g / (jt.sqrt(v) + 1e-8))")),
    _steps("RMSprop, centered", "RMSprop([p], 1e-2, centered=True)",
           note="Jittor's RMSprop has no argument `centered`.",
           workaround=_STATE.format(_ZEROS, "m = 0.99 * m + 0.01 * g\n"
                                    "    v = 0.99 * v + 0.01 * g * g\n"
                                    "    p.update(p - 0.01 * g / (jt.sqrt(v - m * m) + 1e-8))")),
    _lacking("Adagrad", "Adagrad([p], 0.01)", "v = jt.zeros_like(p)",
             "v = v + g * g; p.update(p - 0.01 * g / (jt.sqrt(v) + 1e-10))"),
    _lacking("Adadelta", "Adadelta([p], 1.0)", _ZEROS,
             "v = 0.9 * v + 0.1 * g * g; d = g * jt.sqrt(m + 1e-6) / jt.sqrt(v + 1e-6); "
             "m = 0.9 * m + 0.1 * d * d; p.update(p - d)"),
    _lacking("Adamax", "Adamax([p], 0.01)", _ZEROS,
             "m = 0.9 * m + 0.1 * g; v = jt.maximum(0.999 * v, jt.abs(g) + 1e-8); "
             "p.update(p - 0.01 / (1 - 0.9**n) * m / v)"),
    _lacking("NAdam", "NAdam([p], 0.01)", f"{_ZEROS}\nproduct = 1.0",
             "a, b = (0.9 * (1 - 0.5 * 0.96 ** (k * 0.004)) for k in (n, n + 1)); "
             "product = product * a; m = 0.9 * m + 0.1 * g; v = 0.999 * v + 0.001 * g * g; "
             "root = jt.sqrt(v / (1 - 0.999**n)) + 1e-8; "
             "p.update(p - 0.01 * (1 - a) / (1 - product) * g / root"
             " - 0.01 * b / (1 - product * b) * m / root)"),
    _lacking("Rprop", "Rprop([p], 0.01)",
             "m, step = jt.zeros_like(p), jt.full_like(p, 0.01)",
             "s = (m * g > 0).cast(p.dtype) - (m * g < 0).cast(p.dtype); "
             "step = jt.clamp(step * (1 + 0.2 * (s > 0).cast(p.dtype) - "
             "0.5 * (s < 0).cast(p.dtype)), 1e-6, 50.0); "
             "g = jt.ternary(s < 0, jt.zeros_like(g), g); "
             "p.update(p - step * ((g > 0).cast(p.dtype) - (g < 0).cast(p.dtype))); m = g"),
    *(
        _steps(name, f"{name}([p], 0.01)", note=f"Jittor has no `{name}`.")
        for name in ("RAdam", "ASGD")
    ),
    numeric("LBFGS", "p = torch.nn.Parameter(w.detach().clone())\n"
            "o = torch.optim.LBFGS([p], 0.1)\n\ndef closure():\n    o.zero_grad()\n"
            "    loss = (p * p).sum()\n    loss.backward()\n    return loss\n\n"
            "o.step(closure)\np.detach()",
            "p = w.clone()\no = jt.optim.LBFGS([p], 0.1)\no.step(lambda: (p * p).sum())\np",
            gradient=False, note="Jittor has no `LBFGS`.", w=weight(3)),
    rule("number of optimizer arguments by position",
         "p = torch.nn.Parameter(torch.ones(2))\n"
         "torch.optim.Adam([p], 0.1, (0.5, 0.9)).param_groups[0]['betas']",
         _MODEL + "jt.optim.Adam([p], 0.1, (0.5, 0.9)).betas",
         workaround=_MODEL + "jt.optim.Adam([p], 0.1, betas=(0.5, 0.9)).betas",
         note="The third argument is `eps` in Jittor: pass the betas by name."),
    rule("optimizer of a generator",
         "m = torch.nn.Linear(2, 1)\nlen(torch.optim.SGD((p for p in m.parameters()), 0.1)"
         ".param_groups)",
         "m = jt.nn.Linear(2, 1)\nlen(jt.optim.SGD((p for p in m.parameters()), 0.1)"
         ".param_groups)",
         workaround="m = jt.nn.Linear(2, 1)\nlen(jt.optim.SGD(m.parameters(), 0.1).param_groups)",
         note="Jittor requires a list."),
    rule("loss.backward()", "p = torch.nn.Parameter(torch.ones(2))\n(p * p).sum().backward()\n"
         "p.grad.tolist()", _MODEL + "(p * p).sum().backward()\np.grad.tolist()",
         workaround=_MODEL + "o = jt.optim.SGD([p], 0.1)\no.backward((p * p).sum())\n"
         "p.opt_grad(o).tolist()",
         note="Jittor has no `backward` of a loss: call that of the optimizer."),
    rule("gradient of a parameter after a step",
         "p = torch.nn.Parameter(torch.ones(2))\no = torch.optim.SGD([p], 0.1)\n"
         "(p * p).sum().backward()\no.step()\np.grad.tolist()",
         _MODEL + "o = jt.optim.SGD([p], 0.1)\no.step((p * p).sum())\np.opt_grad(o).tolist()"),
    rule("keys of an optimizer's state_dict",
         "p = torch.nn.Parameter(torch.ones(2))\nsorted(torch.optim.SGD([p], 0.1).state_dict())",
         _MODEL + "sorted(jt.optim.SGD([p], 0.1).state_dict())",
         note="The states are of another form: convert them tensor by tensor."),
    rule("an optimizer without parameters", "len(torch.optim.SGD([], 0.1).param_groups)",
         "len(jt.optim.SGD([], 0.1).param_groups)", note="Both refuse an empty list."),
    rule("add_param_group",
         "p, q = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))\n"
         "o = torch.optim.SGD([p], 0.1)\no.add_param_group({'params': [q], 'lr': 0.5})\n"
         "(p + q).sum().backward()\no.step()\nround(q.item(), 4)",
         "p, q = jt.ones(1), jt.ones(1)\no = jt.optim.SGD([p], 0.1)\n"
         "o.add_param_group({'params': [q], 'lr': 0.5})\no.step((p + q).sum())\n"
         "round(q.item(), 4)"),
    rule("a frozen parameter and weight decay",
         "p, q = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))\nq.requires_grad = False\n"
         "o = torch.optim.AdamW([p, q], 0.1, weight_decay=0.5)\n(p + q).sum().backward()\n"
         "o.step()\nround(q.item(), 4)",
         "p, q = jt.ones(1), jt.ones(1)\nq.stop_grad()\n"
         "o = jt.optim.AdamW([p, q], 0.1, weight_decay=0.5)\no.step((p + q).sum())\n"
         "round(q.item(), 4)"),
    rule("clip_grad_norm_, the value returned",
         "p = torch.nn.Parameter(torch.ones(4))\n(p * p).sum().backward()\n"
         "round(torch.nn.utils.clip_grad_norm_([p], 1.0).item(), 4)",
         "p = jt.ones(4)\no = jt.optim.SGD([p], 0.1)\no.backward((p * p).sum())\n"
         "round(o.clip_grad_norm(1.0).item(), 4)",
         note="Jittor's method returns None: compute the norm from `p.opt_grad(o)`.",
         workaround="p = jt.ones(4)\no = jt.optim.SGD([p], 0.1)\no.backward((p * p).sum())\n"
         "norm = p.opt_grad(o).sqr().sum().sqrt().item()\no.clip_grad_norm(1.0)\nround(norm, 4)"),
    rule("clip_grad_norm of two parameters",
         "p, q = (torch.nn.Parameter(torch.full((2,), v)) for v in (1.0, 3.0))\n"
         "o = torch.optim.SGD([p, q], 1.0)\n((p * p).sum() + (q * q).sum()).backward()\n"
         "torch.nn.utils.clip_grad_norm_([p, q], 1.0)\no.step()\n"
         "[round(v, 4) for v in p.tolist() + q.tolist()]",
         "p, q = (jt.full((2,), v) for v in (1.0, 3.0))\no = jt.optim.SGD([p, q], 1.0)\n"
         "o.backward((p * p).sum() + (q * q).sum())\no.clip_grad_norm(1.0)\no.step()\n"
         "[round(v, 4) for v in p.tolist() + q.tolist()]"),
    rule("clip_grad_norm, order infinity",
         "p = torch.nn.Parameter(torch.ones(4))\n(p * p).sum().backward()\n"
         "round(torch.nn.utils.clip_grad_norm_([p], 1.0, norm_type=float('inf')).item(), 4)",
         "p = jt.ones(4)\no = jt.optim.SGD([p], 0.1)\no.backward((p * p).sum())\n"
         "o.clip_grad_norm(1.0, float('inf'))",
         note="Jittor has norms of order 1 and 2 only."),
    rule("clip_grad_value_",
         "p = torch.nn.Parameter(torch.tensor([1.0, 9.0]))\n(p * p).sum().backward()\n"
         "torch.nn.utils.clip_grad_value_([p], 3.0)\np.grad.tolist()",
         "p = jt.array([1.0, 9.0])\no = jt.optim.SGD([p], 0.1)\no.backward((p * p).sum())\n"
         "o.clip_grad_value(3.0)\np.opt_grad(o).tolist()",
         workaround="p = jt.array([1.0, 9.0])\no = jt.optim.SGD([p], 0.1)\n"
         "o.backward((p * p).sum())\ng = p.opt_grad(o)\ng.update(jt.clamp(g, -3.0, 3.0))\n"
         "p.opt_grad(o).tolist()", note="Jittor has no `clip_grad_value`."),
    rule("zero_grad after backward",
         "p = torch.nn.Parameter(torch.zeros(1))\no = torch.optim.SGD([p], 1.0)\n"
         "p.sum().backward()\no.zero_grad()\np.sum().backward()\no.step()\np.tolist()",
         "p = jt.zeros(1)\no = jt.optim.SGD([p], 1.0)\no.backward(p.sum())\no.zero_grad()\n"
         "o.backward(p.sum())\no.step()\np.tolist()"),
    rule("step without zero_grad, two losses",
         "p = torch.nn.Parameter(torch.zeros(1))\no = torch.optim.SGD([p], 1.0)\n"
         "p.sum().backward()\n(2 * p).sum().backward()\no.step()\np.tolist()",
         "p = jt.zeros(1)\no = jt.optim.SGD([p], 1.0)\no.backward(p.sum())\n"
         "o.backward((2 * p).sum())\no.step()\np.tolist()"),
)  # fmt: skip
