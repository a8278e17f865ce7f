"""Modes of modules, names of parameters, and loading of weights."""

from parity.atlas.entry import rule

_LINEAR = "m = torch.nn.Linear(2, 1)\n"
_J_LINEAR = "m = jt.nn.Linear(2, 1)\n"
_BATCH_NORM = "jt.nn.BatchNorm(2)"
ENTRIES = (
    rule("mode of a new layer", _LINEAR + "m.training", _J_LINEAR + "m.is_training()"),
    rule(
        "mode of a new dropout layer",
        "torch.nn.Dropout(0.5).training",
        "jt.nn.Dropout(0.5).is_train",
        "jt.nn.Dropout(0.5).train().is_train",
        "Dropout is inactive until `train()` is called, whatever the mode of the enclosing module.",
    ),
    rule(
        "a new dropout layer drops",
        "(torch.nn.Dropout(0.5)(torch.ones(1000)) == 0).any().item()",
        "bool((jt.nn.Dropout(0.5)(jt.ones(1000)) == 0).any().item())",
        "m = jt.nn.Dropout(0.5)\nm.train()\nbool((m(jt.ones(1000)) == 0).any().item())",
        note=(
            "Dropout is inactive until `train()` is called, whatever the mode of the "
            "enclosing module."
        ),
    ),
    rule(
        "eval() and gradients",
        _LINEAR + "m.eval()\nm.weight.requires_grad",
        _J_LINEAR + "m.eval()\nm.weight.requires_grad",
        _J_LINEAR
        + "for module in m.modules():\n    module.is_train = False\nm.weight.requires_grad",
        "`eval()` also stops the gradients of all parameters. Setting `is_train` of a module alone "
        "leaves its children in training.",
    ),
    rule(
        "train() after eval()",
        _LINEAR + "m.eval()\nm.train()\nm.weight.requires_grad",
        _J_LINEAR + "m.eval()\nm.train()\nm.weight.requires_grad",
    ),
    rule(
        "named_parameters of BatchNorm",
        "sorted(n for n, _ in torch.nn.BatchNorm2d(2).named_parameters())",
        f"sorted(n for n, _ in {_BATCH_NORM}.named_parameters())",
        f"sorted(n for n, p in {_BATCH_NORM}.named_parameters() if not p.is_stop_grad())",
        "The parameters of Jittor include the buffers.",
    ),
    rule(
        "state_dict of BatchNorm",
        "sorted(torch.nn.BatchNorm2d(2).state_dict())",
        f"sorted({_BATCH_NORM}.state_dict())",
        note="Jittor does not count batches: `num_batches_tracked` is missing.",
    ),
    rule(
        "state_dict shares the weights",
        _LINEAR + "m.state_dict()['weight'].fill_(7.0)\nm.weight.tolist()",
        _J_LINEAR + "w = m.state_dict()['weight']\nw.assign(jt.full((1, 2), 7.0))\n"
        "m.weight.tolist()",
        note="Neither is a copy: keep `clone()` of each tensor to restore it later.",
    ),
    rule(
        "loading a missing key",
        _LINEAR + "m.load_state_dict({'weight': torch.ones(1, 2)})\n'loaded'",
        _J_LINEAR + "m.load_state_dict({'weight': jt.ones((1, 2))})\n'loaded'",
        note="Jittor does not check the keys: compare them before loading.",
    ),
    rule(
        "loading an unknown key",
        _LINEAR + "m.load_state_dict({**m.state_dict(), 'x': torch.ones(1)})\n'loaded'",
        _J_LINEAR + "m.load_state_dict({**m.state_dict(), 'x': jt.ones(1)})\n'loaded'",
        note="Jittor does not check the keys: compare them before loading.",
    ),
    rule(
        "loading a weight of another shape",
        _LINEAR
        + "m.load_state_dict({'weight': torch.ones(2, 2), 'bias': torch.ones(1)})\n'loaded'",
        _J_LINEAR + "m.load_state_dict({'weight': jt.ones((2, 2)), 'bias': jt.ones(1)})\n'loaded'",
        note="Jittor does not check the shapes: compare them before loading.",
    ),
)
