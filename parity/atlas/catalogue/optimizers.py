"""Optimizers: parameters after one, two and ten steps, by default and with matched settings."""

from parity.atlas.entry import Entry, real, weight

_CASES = ("ordinary", "zeros", "constant", "large magnitude", "tiny magnitude")


def _torch(make: str, steps: int) -> str:
    return (
        f"p = torch.nn.Parameter(w.detach().clone())\no = torch.optim.{make}\n"
        f"for g in x[:{steps}]:\n    o.zero_grad()\n    (p * g).sum().backward()\n    o.step()\n"
        "p.detach()"
    )


def _jittor(make: str, steps: int) -> str:
    return (
        f"p = w.clone()\no = jt.optim.{make}\nfor g in x[:{steps}]:\n"
        "    o.step((p * g.detach()).sum())\np"
    )


def _after(
    name: str, torch: str, jittor: str, steps: int = 10, workaround: str = "", note: str = ""
) -> Entry:
    return Entry(
        name=name, torch=_torch(torch, steps), jittor=_jittor(jittor, steps),
        inputs={"x": real(10, 3), "w": weight(3)}, cases=_CASES, gradient=False,
        workaround=workaround and _jittor(workaround, steps), note=note,
    )  # fmt: skip


_HAT = "Jittor adds epsilon before it corrects the bias, PyTorch after."
ENTRIES = (
    _after("SGD", "SGD([p], 0.1)", "SGD([p], 0.1)"),
    _after(
        "SGD, momentum, one step", "SGD([p], 0.1, momentum=0.9)", "SGD([p], 0.1, momentum=0.9)", 1
    ),
    _after("SGD, momentum", "SGD([p], 0.1, momentum=0.9)", "SGD([p], 0.1, momentum=0.9)"),
    _after(
        "SGD, Nesterov",
        "SGD([p], 0.1, momentum=0.9, nesterov=True)",
        "SGD([p], 0.1, momentum=0.9, nesterov=True)",
    ),
    _after(
        "SGD, dampening, one step",
        "SGD([p], 0.1, momentum=0.9, dampening=0.5)",
        "SGD([p], 0.1, momentum=0.9, dampening=0.5)",
        1,
        note="PyTorch starts its momentum with the whole first gradient, Jittor with the damped.",
    ),
    _after(
        "SGD, weight decay",
        "SGD([p], 0.1, momentum=0.9, weight_decay=0.1)",
        "SGD([p], 0.1, momentum=0.9, weight_decay=0.1)",
    ),
    _after(
        "Adam, defaults, one step",
        "Adam([p], 1e-3)",
        "Adam([p], 1e-3)",
        1,
        workaround="AdamW([p], 1e-3, weight_decay=0)",
        note=_HAT,
    ),
    _after(
        "Adam, defaults, two steps",
        "Adam([p], 1e-3)",
        "Adam([p], 1e-3)",
        2,
        workaround="AdamW([p], 1e-3, weight_decay=0)",
        note=_HAT,
    ),
    _after(
        "Adam, defaults, ten steps",
        "Adam([p], 1e-3)",
        "Adam([p], 1e-3)",
        workaround="AdamW([p], 1e-3, weight_decay=0)",
        note=_HAT,
    ),
    _after(
        "Adam, matched epsilon 1e-3",
        "Adam([p], 1e-3, eps=1e-3)",
        "Adam([p], 1e-3, eps=1e-3)",
        workaround="AdamW([p], 1e-3, eps=1e-3, weight_decay=0)",
        note=f"The form differs, whatever the arguments. {_HAT}",
    ),
    _after(
        "Adam, weight decay",
        "Adam([p], 1e-3, eps=1e-12, weight_decay=0.1)",
        "Adam([p], 1e-3, eps=1e-12, weight_decay=0.1)",
        note="Decay enters the gradient on both sides; epsilon is small enough not to show.",
    ),
    _after(
        "AdamW, defaults",
        "AdamW([p], 1e-3)",
        "AdamW([p], 1e-3)",
        workaround="AdamW([p], 1e-3, weight_decay=0.01)",
        note="Jittor decays by 0 unless told, PyTorch by 0.01: the defaults differ.",
    ),
    _after(
        "AdamW, matched decay",
        "AdamW([p], 1e-3, weight_decay=0.1)",
        "AdamW([p], 1e-3, weight_decay=0.1)",
        note="The form is PyTorch's.",
    ),
    _after("RMSprop, matched", "RMSprop([p], 1e-2)", "RMSprop([p], 1e-2)"),
    _after(
        "RMSprop, matched epsilon 0.1",
        "RMSprop([p], 1e-2, eps=0.1, alpha=0.9)",
        "RMSprop([p], 1e-2, eps=0.1, alpha=0.9)",
    ),
    Entry(
        name="default learning rate of Adam",
        kind="rule",
        torch="p = torch.nn.Parameter(torch.zeros(1))\ntorch.optim.Adam([p]).param_groups[0]['lr']",
        jittor="p = jt.zeros(1)\njt.optim.Adam([p]).lr",
        note="Jittor has none: say it.",
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
        note="PyTorch skips a parameter that took no part; Jittor gives it a gradient of zero, "
        "so that it decays.",
    ),
    Entry(
        name="gradients accumulate",
        kind="rule",
        torch="p = torch.nn.Parameter(torch.zeros(1))\no = torch.optim.SGD([p], 1.0)\n"
        "p.sum().backward()\no.step()\np.sum().backward()\no.step()\np.tolist()",
        jittor="p = jt.zeros(1)\no = jt.optim.SGD([p], 1.0)\no.step(p.sum())\no.step(p.sum())\n"
        "p.tolist()",
        workaround="p = jt.zeros(1)\no = jt.optim.SGD([p], 1.0)\no.backward(p.sum())\no.step()\n"
        "o.backward(p.sum() * 2)\no.step()\np.tolist()",
        note="Without `zero_grad()` PyTorch adds the second gradient to the first; "
        "`Optimizer.step(loss)` of Jittor starts anew.",
    ),
    Entry(
        name="clip_grad_norm",
        kind="numeric",
        gradient=False,
        cases=_CASES,
        torch="p = torch.nn.Parameter(w.detach().clone())\no = torch.optim.SGD([p], 0.1)\n"
        "(p * x[0]).sum().backward()\ntorch.nn.utils.clip_grad_norm_([p], 0.5)\n"
        "o.step()\np.detach()",
        jittor="p = w.clone()\no = jt.optim.SGD([p], 0.1)\no.backward((p * x[0].detach()).sum())\n"
        "o.clip_grad_norm(0.5, 2)\no.step()\np",
        inputs={"x": real(2, 3), "w": weight(3)},
    ),
)
