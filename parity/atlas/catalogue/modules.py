"""The states of modules: modes, names of parameters, loading."""

from parity.atlas.entry import Entry


def _rule(name: str, torch: str, jittor: str = "", workaround: str = "", note: str = "") -> Entry:
    return Entry(
        name=name, torch=torch, jittor=jittor or torch.replace("torch.", "jt."), kind="rule",
        workaround=workaround, note=note,
    )  # fmt: skip


_LINEAR = "m = torch.nn.Linear(2, 1)\n"
_J_LINEAR = "m = jt.nn.Linear(2, 1)\n"
_BATCH_NORM = "jt.nn.BatchNorm(2)"
ENTRIES = (
    _rule("a fresh layer's mode", _LINEAR + "m.training", _J_LINEAR + "m.is_training()"),
    _rule(
        "a fresh dropout's mode",
        "torch.nn.Dropout(0.5).training",
        "jt.nn.Dropout(0.5).is_train",
        "jt.nn.Dropout(0.5).train().is_train",
        "Dropout starts switched off, whatever the module around it says, until `train()`.",
    ),
    _rule(
        "a fresh dropout drops",
        "(torch.nn.Dropout(0.5)(torch.ones(1000)) == 0).any().item()",
        "bool((jt.nn.Dropout(0.5)(jt.ones(1000)) == 0).any().item())",
        "m = jt.nn.Dropout(0.5)\nm.train()\nbool((m(jt.ones(1000)) == 0).any().item())",
    ),
    _rule(
        "eval() and gradients",
        _LINEAR + "m.eval()\nm.weight.requires_grad",
        _J_LINEAR + "m.eval()\nm.weight.requires_grad",
        _J_LINEAR + "m.is_train = False\nm.weight.requires_grad",
        "`eval()` also stops the gradients of every parameter.",
    ),
    _rule(
        "train() after eval()",
        _LINEAR + "m.eval()\nm.train()\nm.weight.requires_grad",
        _J_LINEAR + "m.eval()\nm.train()\nm.weight.requires_grad",
    ),
    _rule(
        "named_parameters of BatchNorm",
        "sorted(n for n, _ in torch.nn.BatchNorm2d(2).named_parameters())",
        f"sorted(n for n, _ in {_BATCH_NORM}.named_parameters())",
        f"sorted(n for n, p in {_BATCH_NORM}.named_parameters() if not p.is_stop_grad())",
        "Buffers are among the parameters.",
    ),
    _rule(
        "state_dict of BatchNorm",
        "sorted(torch.nn.BatchNorm2d(2).state_dict())",
        f"sorted({_BATCH_NORM}.state_dict())",
        note="Jittor counts no batches: `num_batches_tracked` is missing.",
    ),
    _rule(
        "state_dict is a copy",
        _LINEAR + "isinstance(m.state_dict(), dict)",
        _J_LINEAR + "isinstance(m.state_dict(), dict)",
    ),
    _rule(
        "loading a missing key",
        _LINEAR + "m.load_state_dict({'weight': torch.ones(1, 2)})\n'loaded'",
        _J_LINEAR + "m.load_state_dict({'weight': jt.ones((1, 2))})\n'loaded'",
        note="Compare the keys yourself before loading.",
    ),
    _rule(
        "loading an unknown key",
        _LINEAR + "m.load_state_dict({**m.state_dict(), 'x': torch.ones(1)})\n'loaded'",
        _J_LINEAR + "m.load_state_dict({**m.state_dict(), 'x': jt.ones(1)})\n'loaded'",
        note="Compare the keys yourself before loading.",
    ),
    _rule(
        "loading another shape",
        _LINEAR
        + "m.load_state_dict({'weight': torch.ones(2, 2), 'bias': torch.ones(1)})\n'loaded'",
        _J_LINEAR + "m.load_state_dict({'weight': jt.ones((2, 2)), 'bias': jt.ones(1)})\n'loaded'",
        note="Compare the shapes yourself before loading.",
    ),
)
