"""Gradients of tensors, and changes in place."""

from parity.atlas.entry import rule

ENTRIES = (
    rule(
        "stopping a gradient",
        "x = torch.ones(1, requires_grad=True)\nx.detach()\nx.requires_grad",
        "x = jt.ones(1)\nx.stop_grad()\nx.requires_grad",
        "x = jt.ones(1)\nx.detach()\nx.requires_grad",
        "`stop_grad()` acts in place and permanently; `detach()` returns another tensor.",
    ),
    rule(
        "requires_grad of a new tensor",
        "torch.ones(1).requires_grad",
        "jt.ones(1).requires_grad",
        "jt.ones(1).stop_grad().requires_grad",
        "In Jittor every float tensor requires a gradient unless it is stopped.",
    ),
    rule(
        "gradient with respect to an unused tensor",
        "x = torch.ones(1, requires_grad=True)\ny = torch.ones(1, requires_grad=True)\n"
        "torch.autograd.grad((x * 2).sum(), y, allow_unused=True)[0]",
        "x = jt.ones(1)\ny = jt.ones(1)\njt.grad((x * 2).sum(), y).tolist()",
        note="Jittor returns zeros: a disconnected part of a model looks like one whose "
        "gradient is zero.",
    ),
    rule(
        "gradient of a tensor with several elements",
        "x = torch.ones(2, requires_grad=True)\ntorch.autograd.grad(x * 2, x)[0].tolist()",
        "x = jt.ones(2)\njt.grad(x * 2, x).tolist()",
        note="PyTorch requires a scalar; Jittor differentiates the sum.",
    ),
    rule(
        "backward hook of a module whose input has no gradient",
        "m = torch.nn.Linear(2, 1)\nseen = []\n"
        "m.register_full_backward_hook(lambda m, i, o: seen.append(1))\n"
        "m(torch.ones(1, 2)).sum().backward()\nlen(seen)",
        "m = jt.nn.Linear(2, 1)\nseen = []\n"
        "m.register_backward_hook(lambda m, i, o: seen.append(1))\n"
        "g = jt.grad(m(jt.ones((1, 2)).stop_grad()).sum(), m.weight)\ng.sync()\nlen(seen)",
        note="Jittor calls the hook only if the module's input requires a gradient.",
    ),
    rule(
        "changing a tensor in place",
        "x = torch.ones(2)\ny = x\ny += 1\nx.tolist()",
        "x = jt.ones(2)\ny = x\ny += 1\nx.tolist()",
    ),
    rule(
        "copying with Var.update",
        "x, y = torch.zeros(2), torch.ones(2)\nx.copy_(y)\nx += 1\ny.tolist()",
        "x, y = jt.zeros(2), jt.ones(2)\nx.update(y)\nx += 1\ny.tolist()",
    ),
    rule(
        "assigning a tensor of another shape",
        "x = torch.zeros(2)\nx.copy_(torch.ones(3))\nlist(x.shape)",
        "x = jt.zeros(2)\nx.assign(jt.ones(3))\nlist(x.shape)",
        note="`assign` takes over the shape as well.",
    ),
    rule("item() of several elements", "torch.ones(2).item()", "jt.ones(2).item()"),
    rule("bool() of several elements", "bool(torch.ones(2))", "bool(jt.ones(2))"),
)
