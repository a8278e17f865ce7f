"""Parameters after one, two or ten optimizer steps, with default and with matched settings."""

from parity.atlas.entry import Entry, real, weight

_CASES = ("ordinary", "zeros", "constant", "large magnitude", "tiny magnitude")


def _torch(make: str, steps: int) -> str:
    return (
        f"p = torch.nn.Parameter(w.detach().clone())\no = torch.optim.{make}\n"
        f"for g in x[:{steps}]:\n    o.zero_grad()\n    (p * g.detach()).sum().backward()\n"
        "    o.step()\n"
        "p.detach()"
    )


def _jittor(make: str, steps: int) -> str:
    return (
        f"p = w.clone()\no = jt.optim.{make}\nfor g in x[:{steps}]:\n"
        "    o.step((p * g.detach()).sum())\np"
    )


def _parameters_after(
    name: str, torch: str, jittor: str, steps: int = 10, workaround: str = "", note: str = ""
) -> Entry:
    return Entry(
        name=name, torch=_torch(torch, steps), jittor=_jittor(jittor, steps),
        inputs={"x": real(10, 3), "w": weight(3)}, cases=_CASES, gradient=False,
        workaround=workaround and _jittor(workaround, steps), note=note,
    )  # fmt: skip


_DAMPENING = (
    "PyTorch starts the momentum with the first gradient, Jittor with the dampened one, and the "
    "difference persists."
)
_EPSILON = "Jittor adds epsilon before the bias correction, PyTorch after it."
ENTRIES = (
    _parameters_after("SGD", "SGD([p], 0.1)", "SGD([p], 0.1)"),
    _parameters_after(
        "SGD, momentum, one step", "SGD([p], 0.1, momentum=0.9)", "SGD([p], 0.1, momentum=0.9)", 1
    ),
    _parameters_after(
        "SGD, momentum", "SGD([p], 0.1, momentum=0.9)", "SGD([p], 0.1, momentum=0.9)"
    ),
    _parameters_after(
        "SGD, Nesterov",
        "SGD([p], 0.1, momentum=0.9, nesterov=True)",
        "SGD([p], 0.1, momentum=0.9, nesterov=True)",
    ),
    _parameters_after(
        "SGD, dampening, one step",
        "SGD([p], 0.1, momentum=0.9, dampening=0.5)",
        "SGD([p], 0.1, momentum=0.9, dampening=0.5)",
        1,
        note=_DAMPENING,
    ),
    _parameters_after(
        "SGD, dampening",
        "SGD([p], 0.1, momentum=0.9, dampening=0.5)",
        "SGD([p], 0.1, momentum=0.9, dampening=0.5)",
        note=_DAMPENING,
    ),
    _parameters_after(
        "SGD, dampening without momentum",
        "SGD([p], 0.1, dampening=0.5)",
        "SGD([p], 0.1, dampening=0.5)",
        workaround="SGD([p], 0.1)",
        note="PyTorch ignores `dampening` without momentum, Jittor applies it.",
    ),
    _parameters_after(
        "SGD, weight decay",
        "SGD([p], 0.1, momentum=0.9, weight_decay=0.1)",
        "SGD([p], 0.1, momentum=0.9, weight_decay=0.1)",
    ),
    _parameters_after(
        "Adam, defaults, one step",
        "Adam([p], 1e-3)",
        "Adam([p], 1e-3)",
        1,
        workaround="AdamW([p], 1e-3, weight_decay=0)",
        note=_EPSILON,
    ),
    _parameters_after(
        "Adam, defaults, two steps",
        "Adam([p], 1e-3)",
        "Adam([p], 1e-3)",
        2,
        workaround="AdamW([p], 1e-3, weight_decay=0)",
        note=_EPSILON,
    ),
    _parameters_after(
        "Adam, defaults, ten steps",
        "Adam([p], 1e-3)",
        "Adam([p], 1e-3)",
        workaround="AdamW([p], 1e-3, weight_decay=0)",
        note=_EPSILON,
    ),
    _parameters_after(
        "Adam, matched epsilon 1e-3",
        "Adam([p], 1e-3, eps=1e-3)",
        "Adam([p], 1e-3, eps=1e-3)",
        workaround="AdamW([p], 1e-3, eps=1e-3, weight_decay=0)",
        note=f"The formulas differ for every choice of arguments. {_EPSILON}",
    ),
    _parameters_after(
        "Adam, weight decay",
        "Adam([p], 1e-3, eps=1e-12, weight_decay=0.1)",
        "Adam([p], 1e-3, eps=1e-12, weight_decay=0.1)",
        note="Both add the decay to the gradient. The remaining difference is that of epsilon.",
    ),
    _parameters_after(
        "AdamW, defaults",
        "AdamW([p], 1e-3)",
        "AdamW([p], 1e-3)",
        workaround="AdamW([p], 1e-3, weight_decay=0.01)",
        note="The default `weight_decay` is 0 in Jittor and 0.01 in PyTorch.",
    ),
    _parameters_after(
        "AdamW, matched decay",
        "AdamW([p], 1e-3, weight_decay=0.1)",
        "AdamW([p], 1e-3, weight_decay=0.1)",
        note="The formula is that of PyTorch.",
    ),
    _parameters_after("RMSprop, matched", "RMSprop([p], 1e-2)", "RMSprop([p], 1e-2)"),
    _parameters_after(
        "RMSprop, matched epsilon 0.1",
        "RMSprop([p], 1e-2, eps=0.1, alpha=0.9)",
        "RMSprop([p], 1e-2, eps=0.1, alpha=0.9)",
    ),
    Entry(
        name="default learning rate of Adam",
        kind="rule",
        torch="p = torch.nn.Parameter(torch.zeros(1))\ntorch.optim.Adam([p]).param_groups[0]['lr']",
        jittor="p = jt.zeros(1)\njt.optim.Adam([p]).lr",
        note="Jittor has no default: pass the learning rate.",
        workaround="p = jt.zeros(1)\njt.optim.Adam([p], 0.001).lr",
    ),
    Entry(
        name="parameters without a gradient",
        kind="rule",
        torch="p = torch.nn.Parameter(torch.ones(1))\nq = torch.nn.Parameter(torch.ones(1))\n"
        "o = torch.optim.AdamW([p, q], 0.1, weight_decay=0.5)\np.sum().backward()\no.step()\n"
        "round(q.item(), 4)",
        jittor="p = jt.ones(1)\nq = jt.ones(1)\n"
        "o = jt.optim.AdamW([p, q], 0.1, weight_decay=0.5)\no.step(p.sum())\nround(q.item(), 4)",
        note="PyTorch skips a parameter without a gradient; in Jittor its gradient is zero, so "
        "that "
        "weight decay changes it.",
    ),
    Entry(
        name="gradients accumulate",
        kind="rule",
        torch="p = torch.nn.Parameter(torch.zeros(1))\no = torch.optim.SGD([p], 1.0)\n"
        "p.sum().backward()\no.step()\np.sum().backward()\no.step()\np.tolist()",
        jittor="p = jt.zeros(1)\no = jt.optim.SGD([p], 1.0)\no.step(p.sum())\no.step(p.sum())\n"
        "p.tolist()",
        note="Without `zero_grad()` PyTorch adds the second gradient to the first; "
        "`Optimizer.step(loss)` of Jittor discards the first. To accumulate in Jittor, call "
        "`backward(loss)` several times before `step()`.",
    ),
    Entry(
        name="clip_grad_norm",
        kind="numeric",
        gradient=False,
        cases=_CASES,
        torch="p = torch.nn.Parameter(w.detach().clone())\no = torch.optim.SGD([p], 0.1)\n"
        "(p * x[0].detach()).sum().backward()\ntorch.nn.utils.clip_grad_norm_([p], 0.5)\n"
        "o.step()\np.detach()",
        jittor="p = w.clone()\no = jt.optim.SGD([p], 0.1)\no.backward((p * x[0].detach()).sum())\n"
        "o.clip_grad_norm(0.5, 2)\no.step()\np",
        inputs={"x": real(2, 3), "w": weight(3)},
    ),
)
