"""Learning-rate schedules with boundary settings, and schedules that Jittor lacks."""

from parity.atlas.catalogue.schedulers import rates
from parity.atlas.entry import Entry, rule

_LATE = "The first call of `step()` is step 0 again, so that every rate comes one step late."


def _lacking(name: str, torch: str, factor: str) -> Entry:
    """Return an entry whose workaround multiplies the first rate by a function of the step."""
    return rates(
        name, torch, note=f"Jittor has no `{name.partition(',')[0]}`.",
        workaround=f"jt.optim.LambdaLR(o, lambda n: {factor})",
    )  # fmt: skip


_COSINE = "(1 + np.cos(np.pi * {} / {})) / 2"
ENTRIES = (
    rates("StepLR, every step", "StepLR(o, 1, 0.9)",
          note="With a step size of 1 the first decay comes one step late.",
          workaround="jt.optim.LambdaLR(o, lambda n: 0.9**n)"),
    rates("StepLR, default factor", "StepLR(o, 20)"),
    rates("StepLR, size 2", "StepLR(o, 2, 0.5)"),
    rates("MultiStepLR, the same milestone twice", "MultiStepLR(o, [5, 5], 0.1)",
          note=f"{_LATE} A milestone that is given twice counts once.",
          workaround="jt.optim.LambdaLR(o, lambda n: 0.01 if n >= 5 else 1)"),
    rates("MultiStepLR, milestone 0", "MultiStepLR(o, [0, 10], 0.1)", note=f"{_LATE} PyTorch "
          "applies a milestone of 0 at once.",
          workaround="jt.optim.LambdaLR(o, lambda n: 0.01 if n >= 10 else 0.1)"),
    rates("CosineAnnealingLR beyond its period", "CosineAnnealingLR(o, 10)", note=_LATE,
          workaround="jt.lr_scheduler.CosineAnnealingLR(o, 10)\ns.step()"),
    rates("CosineAnnealingLR, period 1", "CosineAnnealingLR(o, 1)", note=_LATE,
          workaround="jt.lr_scheduler.CosineAnnealingLR(o, 1)\ns.step()"),
    rates("ExponentialLR, growing", "ExponentialLR(o, 1.05)", note=_LATE,
          workaround="jt.lr_scheduler.ExponentialLR(o, 1.05)\ns.step()"),
    rates("LambdaLR, warm-up", "LambdaLR(o, lambda n: min(1.0, (n + 1) / 10))",
          "jt.optim.LambdaLR(o, lambda n: min(1.0, (n + 1) / 10))"),
    rates("LambdaLR in lr_scheduler", "LambdaLR(o, lambda n: 0.9**n)",
          workaround="jt.optim.LambdaLR(o, lambda n: 0.9**n)", note="It is in `jt.optim`."),
    rates("ReduceLROnPlateau, least rate",
          "ReduceLROnPlateau(o, patience=1, min_lr=0.02, factor=0.5)", loss="1.0"),
    rates("ReduceLROnPlateau, a constant loss", "ReduceLROnPlateau(o, patience=2)", loss="1.0"),
    rates("ReduceLROnPlateau, loss of 0", "ReduceLROnPlateau(o, patience=2)", loss="0.0"),
    rates("ReduceLROnPlateau, loss NaN", "ReduceLROnPlateau(o, patience=2)",
          loss="float('nan')"),
    _lacking("LinearLR", "LinearLR(o, 0.1, 1.0, 10)", "0.1 + 0.9 * min(n, 10) / 10"),
    _lacking("ConstantLR", "ConstantLR(o, 0.5, 10)", "0.5 if n < 10 else 1.0"),
    _lacking("PolynomialLR", "PolynomialLR(o, 20, 2.0)", "(1 - min(n, 20) / 20) ** 2"),
    _lacking("MultiplicativeLR", "MultiplicativeLR(o, lambda n: 0.95)", "0.95**n"),
    _lacking("CosineAnnealingWarmRestarts", "CosineAnnealingWarmRestarts(o, 10)",
             _COSINE.format("(n % 10)", 10)),
    _lacking("CosineAnnealingWarmRestarts, growing periods",
             "CosineAnnealingWarmRestarts(o, 10, 2)",
             f"{_COSINE.format('n', 10)} if n < 10 else "
             f"{_COSINE.format('(n - 10)', 20)} if n < 30 else "
             f"{_COSINE.format('(n - 30)', 40)}"),
    _lacking("OneCycleLR", "OneCycleLR(o, 0.5, 60)",
             "10 * (0.02 + 0.48 * (1 - np.cos(np.pi * n / 17)) / 2) if n <= 17 else "
             "10 * (2e-6 + (0.5 - 2e-6) * (1 + np.cos(np.pi * (n - 17) / 42)) / 2)"),
    _lacking("CyclicLR", "CyclicLR(o, 0.1, 0.5, 10, cycle_momentum=False)",
             "1 + 4 * max(0, 1 - abs(n / 10 - 2 * np.floor(1 + n / 20) + 1))"),
    _lacking("SequentialLR", "SequentialLR(o, [torch.optim.lr_scheduler.LinearLR(o, 0.1, 1.0, 5), "
             "torch.optim.lr_scheduler.ExponentialLR(o, 0.9)], [5])",
             "0.1 + 0.9 * n / 5 if n < 5 else 0.9 ** (n - 5)"),
    _lacking("ChainedScheduler",
             "ChainedScheduler([torch.optim.lr_scheduler.ConstantLR(o, 0.5, 10), "
             "torch.optim.lr_scheduler.ExponentialLR(o, 0.9)])",
             "(0.5 if n < 10 else 1.0) * 0.9**n"),
    rule("state_dict of a scheduler",
         "p = torch.nn.Parameter(torch.zeros(1))\no = torch.optim.SGD([p], 0.1)\n"
         "torch.optim.lr_scheduler.StepLR(o, 2).state_dict()['last_epoch']",
         "o = jt.optim.SGD([jt.zeros(1)], 0.1)\n"
         "jt.lr_scheduler.StepLR(o, 2).state_dict()['last_epoch']",
         note="Jittor's schedulers have no `state_dict`: store and set their attributes.",
         workaround="o = jt.optim.SGD([jt.zeros(1)], 0.1)\ns = jt.lr_scheduler.StepLR(o, 2)\n"
         "s.cur_epoch"),
    rule("learning rate of a group under a scheduler",
         "p = torch.nn.Parameter(torch.zeros(1))\n"
         "o = torch.optim.SGD([{'params': [p], 'lr': 0.5}], 0.1)\n"
         "s = torch.optim.lr_scheduler.StepLR(o, 2, 0.1)\no.step()\ns.step()\ns.step()\n"
         "round(o.param_groups[0]['lr'], 6)",
         "p = jt.zeros(1)\no = jt.optim.SGD([{'params': [p], 'lr': 0.5}], 0.1)\n"
         "s = jt.lr_scheduler.StepLR(o, 2, 0.1)\ns.step()\ns.step()\n"
         "round(o.param_groups[0]['lr'], 6)"),
)  # fmt: skip
