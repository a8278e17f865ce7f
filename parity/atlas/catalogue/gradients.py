"""Which tensors have a gradient, and what changes in place."""

from parity.atlas.entry import Entry


def _rule(name: str, torch: str, jittor: str = "", workaround: str = "", note: str = "") -> Entry:
    return Entry(
        name=name, torch=torch, jittor=jittor or torch.replace("torch.", "jt."), kind="rule",
        workaround=workaround, note=note,
    )  # fmt: skip


ENTRIES = (
    _rule(
        "cutting a gradient off",
        "x = torch.ones(1, requires_grad=True)\nx.detach()\nx.requires_grad",
        "x = jt.ones(1)\nx.stop_grad()\nx.requires_grad",
        "x = jt.ones(1)\nx.detach()\nx.requires_grad",
        "`stop_grad()` acts in place and for good; `detach()` is the copy.",
    ),
    _rule(
        "gradient of a plain tensor",
        "torch.ones(1).requires_grad",
        "jt.ones(1).requires_grad",
        "jt.ones(1).stop_grad().requires_grad",
        "Every float tensor takes part unless stopped.",
    ),
    _rule(
        "gradient of what took no part",
        "x = torch.ones(1, requires_grad=True)\ny = torch.ones(1, requires_grad=True)\n"
        "torch.autograd.grad((x * 2).sum(), y, allow_unused=True)[0]",
        "x = jt.ones(1)\ny = jt.ones(1)\njt.grad((x * 2).sum(), y).tolist()",
        note="Zeros in Jittor: a part of the model that is cut off is not told from one that "
        "has no slope.",
    ),
    _rule(
        "gradient of several numbers",
        "x = torch.ones(2, requires_grad=True)\ntorch.autograd.grad(x * 2, x)[0].tolist()",
        "x = jt.ones(2)\njt.grad(x * 2, x).tolist()",
        note="PyTorch demands one number; Jittor sums.",
    ),
    _rule(
        "a backward hook without an input's gradient",
        "m = torch.nn.Linear(2, 1)\nseen = []\n"
        "m.register_full_backward_hook(lambda m, i, o: seen.append(1))\n"
        "m(torch.ones(1, 2)).sum().backward()\nlen(seen)",
        "m = jt.nn.Linear(2, 1)\nseen = []\n"
        "m.register_backward_hook(lambda m, i, o: seen.append(1))\n"
        "g = jt.grad(m(jt.ones((1, 2)).stop_grad()).sum(), m.weight)\ng.sync()\nlen(seen)",
    ),
    _rule(
        "changing a tensor in place",
        "x = torch.ones(2)\ny = x\ny += 1\nx.tolist()",
        "x = jt.ones(2)\ny = x\ny += 1\nx.tolist()",
    ),
    _rule(
        "Var.update shares its source",
        "x, y = torch.zeros(2), torch.ones(2)\nx.copy_(y)\nx += 1\ny.tolist()",
        "x, y = jt.zeros(2), jt.ones(2)\nx.update(y)\nx += 1\ny.tolist()",
    ),
    _rule(
        "assigning another shape",
        "x = torch.zeros(2)\nx.copy_(torch.ones(3))\nlist(x.shape)",
        "x = jt.zeros(2)\nx.assign(jt.ones(3))\nlist(x.shape)",
    ),
    _rule("item of several", "torch.ones(2).item()", "jt.ones(2).item()"),
    _rule("truth of several", "bool(torch.ones(2))", "bool(jt.ones(2))"),
)
