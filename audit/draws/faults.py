"""The faults that can be planted in a drawn configuration: those of `audit.mutants` that fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from audit import correct_pairs
from audit import mutants as _mutants  # noqa: F401  fills the list
from audit.case import MUTANTS, Edit, Side
from audit.correct_pairs import SIDES
from audit.draws.anywhere import ANYWHERE
from audit.draws.configuration import Configuration
from audit.draws.visible import is_visible

# Where a mutant's own base is to be found in a configuration: subject, class of module.
PLACES: dict[str, tuple[str, str]] = {
    correct_pairs.UNET.name: ("network", "UNet"),
    correct_pairs.RESIDUAL.name: ("network", "ResidualBlock"),
    correct_pairs.ATTENTION.name: ("network", "Attention"),
    correct_pairs.TIME.name: ("network", "TimeEmbedding"),
    correct_pairs.DOWNSAMPLE.name: ("network", "Downsample"),
    correct_pairs.UPSAMPLE.name: ("network", "Upsample"),
    correct_pairs.TRAINING.name: ("training", ""),
    correct_pairs.SAMPLING.name: ("sampling", ""),
    correct_pairs.LINEAR.name: ("schedule", ""),
}

# How often each subject is picked; a schedule has few faults, and none that needs a network.
WEIGHTS = {"network": 4, "training": 4, "sampling": 4, "schedule": 1}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault that fits a configuration.

    Attributes:
        subject: which of the configuration's subjects it is planted in.
        kind, name, text, side: as of a `Mutant`.
        edit: plants it, in that subject's built side.
    """

    subject: str
    kind: str
    name: str
    text: str
    side: Side
    edit: Edit


def fault(configuration: Configuration) -> Fault:
    """Return the fault that a configuration's number picks."""
    fitting = list(faults(configuration))
    subjects = [s for s in WEIGHTS if any(f.subject == s for f in fitting)]
    subjects = [s for s in subjects for _ in range(WEIGHTS[s])]
    subject = subjects[configuration.choice % len(subjects)]
    own = [f for f in fitting if f.subject == subject]
    return own[configuration.choice // len(subjects) % len(own)]


def faults(configuration: Configuration) -> Iterator[Fault]:
    """Yield every fault that changes a configuration's function."""
    for subject, module, fault in planted_anywhere():
        fits = _has(configuration, subject, module)
        if fits and is_visible(fault.kind, fault.name, configuration):
            edit = partial(_in_one_module, fault.edit, module, configuration.choice)
            yield replace(fault, edit=edit) if module else fault


def planted_anywhere() -> Iterator[tuple[str, str, Fault]]:
    """Yield every fault with the subject and the class of module that it belongs to."""
    for mutant in MUTANTS:
        subject, module = PLACES.get(mutant.base.name, ("", ""))
        own = {n: getattr(mutant, n) for n in ("kind", "name", "text", "side", "edit")}
        yield subject, module, Fault(subject=subject, **own)
    for subject, module, kind, edit in ANYWHERE:
        name, text = edit.__name__.replace("_", " "), (edit.__doc__ or "").splitlines()[0]
        for side in SIDES:
            yield (
                subject,
                module,
                Fault(subject=subject, kind=kind, name=name, text=text, side=side, edit=edit),
            )


def _has(configuration: Configuration, subject: str, module: str) -> bool:
    if module in ("Downsample", "Upsample"):
        return configuration.structure.levels > 1
    return subject in ("network", "schedule", configuration.trajectory)


def _in_one_module(edit: Edit, module: str, choice: int, built: Any) -> object:
    """Edit one module of a class, the whole being of its own class."""
    found = [m for _, m in built.named_modules() if type(m).__name__ == module] or [built]
    return edit(found[choice // 1009 % len(found)])
