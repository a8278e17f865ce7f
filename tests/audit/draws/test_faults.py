"""Every drawn configuration gets a fault that changes its function."""

from __future__ import annotations

from audit import mutants as _mutants  # noqa: F401
from audit.case import MUTANTS
from audit.draws.configuration import COUNT, Configuration, configuration
from audit.draws.faults import SUBJECTS, fault, faults
from audit.draws.mutants import DRAWN_ONLY

ALL = [configuration(number) for number in range(COUNT)]


def names(configuration: Configuration) -> set[str]:
    return {fault.mutant.name for fault in faults(configuration)}


def test_every_draw_has_a_fault_and_they_are_of_many_kinds_on_both_sides() -> None:
    injected = [fault(c) for c in ALL]
    assert {f.mutant.side for f in injected} == {"torch", "jittor"}
    assert {f.subject for f in injected} == {"network", "training", "sampling", "schedule"}
    assert len({f.mutant.kind for f in injected}) >= 12
    assert len({f.mutant.name for f in injected}) >= 60


def test_the_faults_for_draws_alone_belong_to_classes_of_faults_and_to_both_sides() -> None:
    assert len(DRAWN_ONLY) == 12
    assert {m.kind for m in DRAWN_ONLY} <= {m.kind for m in MUTANTS}
    assert {m.base.name for m in DRAWN_ONLY} <= set(SUBJECTS)
    for a, b in zip(DRAWN_ONLY[::2], DRAWN_ONLY[1::2], strict=True):
        assert (a.side, b.side) == ("torch", "jittor")
        assert a.edit is b.edit


def test_a_fault_that_would_change_nothing_is_not_offered() -> None:
    one_pixel = next(c for c in ALL if c.run.unet.image_size == 1)
    several = next(c for c in ALL if c.smallest_image > 1)
    of_pixels = {"kernel flipped", "no scale", "reflected border", "unbiased group variance"}
    assert not of_pixels & names(one_pixel)
    assert of_pixels <= names(several)
    trained = [c for c in ALL if c.trajectory == "training"]
    for c in trained:
        train = c.run.train
        assert ("warm up off by one" in names(c)) is (train.warmup_steps > 0)
        assert ("beta1 of gans" in names(c)) is (train.betas[0] != 0.5)
        assert ("decay and its complement exchanged" in names(c)) is (train.ema_decay != 0.5)
    sampled = [c for c in ALL if c.trajectory == "sampling" and c.has_many_timesteps]
    for c in sampled:
        assert ("no clipping" in names(c)) is c.run.diffusion.clip


def test_a_fault_written_for_the_numbers_of_its_own_base_is_never_offered() -> None:
    offered = set().union(*(names(c) for c in ALL))
    own = {"one group for each channel", "padded all around", "endpoint left out", "scaled linear"}
    assert not own & offered
    assert own <= {m.name for m in MUTANTS}
