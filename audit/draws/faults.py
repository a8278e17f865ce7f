"""The faults that can be injected into a drawn configuration, and the one that it gets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from audit import correct_pairs
from audit import mutants as _mutants  # noqa: F401  fills the list
from audit.case import MUTANTS, Edit, Mutant
from audit.draws.configuration import Configuration
from audit.draws.mutants import DRAWN_ONLY

# A mutant's own base -> the subject of a configuration that contains it, and its class there.
SUBJECTS: dict[str, tuple[str, str]] = {
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


@dataclass(frozen=True)
class Fault:
    """A mutant in a drawn configuration.

    Attributes:
        subject: which of the configuration's subjects it is injected into.
        mutant: its edit takes that subject's built side.
    """

    subject: str
    mutant: Mutant


def fault(configuration: Configuration) -> Fault:
    """Return the fault that a configuration's number picks."""
    fitting = list(faults(configuration))
    subjects = [s for s in WEIGHTS if any(f.subject == s for f in fitting)]
    subjects = [s for s in subjects for _ in range(WEIGHTS[s])]
    subject = subjects[configuration.choice % len(subjects)]
    candidates = [f for f in fitting if f.subject == subject]
    return candidates[configuration.choice // len(subjects) % len(candidates)]


def faults(configuration: Configuration) -> Iterator[Fault]:
    """Yield every fault that changes the function of a configuration."""
    for mutant in (*MUTANTS, *DRAWN_ONLY):
        subject, module = SUBJECTS.get(mutant.base.name, ("", ""))
        if not _contains(configuration, subject, module) or not mutant.visible(configuration):
            continue
        if module:
            edit = partial(_edit_one_module, mutant.edit, module, configuration.choice)
            mutant = replace(mutant, edit=edit)
        yield Fault(subject, mutant)


def _contains(configuration: Configuration, subject: str, module: str) -> bool:
    if module in ("Downsample", "Upsample"):
        return configuration.structure.levels > 1
    return subject in ("network", "schedule", configuration.trajectory)


def _edit_one_module(edit: Edit, module: str, choice: int, built: Any) -> object:
    """Edit one module of a class; a U-Net itself where that is the class."""
    modules = [m for _, m in built.named_modules() if type(m).__name__ == module] or [built]
    return edit(modules[choice // 1009 % len(modules)])
