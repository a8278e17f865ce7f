"""Learning rates of fifty steps, as the optimizer has them before each."""

from parity.atlas.entry import Entry

_TORCH = """p = torch.nn.Parameter(torch.zeros(1))
o = torch.optim.SGD([p], 0.1)
s = torch.optim.lr_scheduler.{}
rates = []
for step in range(50):
    rates.append(o.param_groups[0]['lr'])
    o.step()
    s.step({})
rates"""
_JITTOR = """o = jt.optim.SGD([jt.zeros(1)], 0.1)
s = {}
rates = []
for step in range(50):
    rates.append(o.param_groups[0].get('lr', o.lr))
    s.step({})
rates"""
_LATE = "The first call of `step()` is step 0 again, so that every rate comes one step late."


def rates(
    name: str, torch: str, jittor: str = "", loss: str = "", workaround: str = "", note: str = ""
) -> Entry:
    """Return an entry of a schedule, whose workaround is another scheduler, or statements."""
    return Entry(
        name=name, torch=_TORCH.format(torch, loss),
        jittor=_JITTOR.format(jittor or f"jt.lr_scheduler.{torch}", loss),
        gradient=False, workaround=workaround and _JITTOR.format(workaround, loss), note=note,
    )  # fmt: skip


def _stepped_once(jittor: str) -> str:
    return f"jt.lr_scheduler.{jittor}\ns.step()"


_LOSS = "max(0.5, 1 - 0.1 * step)"
ENTRIES = (
    rates("StepLR", "StepLR(o, 10, 0.5)"),
    rates(
        "MultiStepLR",
        "MultiStepLR(o, [5, 20], 0.1)",
        note=_LATE,
        workaround=_stepped_once("MultiStepLR(o, [5, 20], 0.1)"),
    ),
    rates(
        "ExponentialLR",
        "ExponentialLR(o, 0.9)",
        note=_LATE,
        workaround=_stepped_once("ExponentialLR(o, 0.9)"),
    ),
    rates(
        "CosineAnnealingLR",
        "CosineAnnealingLR(o, 20)",
        note=_LATE,
        workaround=_stepped_once("CosineAnnealingLR(o, 20)"),
    ),
    rates(
        "CosineAnnealingLR with a floor",
        "CosineAnnealingLR(o, 50, 1e-3)",
        note=_LATE,
        workaround=_stepped_once("CosineAnnealingLR(o, 50, 1e-3)"),
    ),
    rates(
        "LambdaLR",
        "LambdaLR(o, lambda n: 1 / (1 + n))",
        "jt.optim.LambdaLR(o, lambda n: 1 / (1 + n))",
    ),
    rates("ReduceLROnPlateau", "ReduceLROnPlateau(o, patience=3)", loss=_LOSS),
    rates(
        "ReduceLROnPlateau, absolute, cooldown",
        "ReduceLROnPlateau(o, patience=2, threshold_mode='abs', threshold=0.2, cooldown=4)",
        loss=_LOSS,
    ),
    rates(
        "ReduceLROnPlateau, mode max, relative, below zero",
        "ReduceLROnPlateau(o, 'max', patience=3)",
        loss=f"-{_LOSS}",
    ),
    Entry(
        name="get_last_lr",
        kind="rule",
        torch="p = torch.nn.Parameter(torch.zeros(1))\no = torch.optim.SGD([p], 0.1)\n"
        "s = torch.optim.lr_scheduler.StepLR(o, 2)\ns.get_last_lr()",
        jittor="o = jt.optim.SGD([jt.zeros(1)], 0.1)\ns = jt.lr_scheduler.StepLR(o, 2)\n"
        "s.get_last_lr()",
        workaround=(
            "o = jt.optim.SGD([jt.zeros(1)], 0.1)\n"
            "s = jt.lr_scheduler.StepLR(o, 2)\n"
            "[g.get('lr', o.lr) for g in o.param_groups]"
        ),
        note="Jittor's schedulers set `lr` of the optimizer, and of the parameter groups that have "
        "their own.",
    ),
)
