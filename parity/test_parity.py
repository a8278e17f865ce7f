"""Compares each pair: the project's own, or those named by `--pair`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from parity.pair_loading import load_pairs


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "subject" in metafunc.fixturenames:
        metafunc.parametrize("subject", _subjects(metafunc.config))


def _subjects(config: pytest.Config) -> list[Any]:
    named = config.getoption("pair")
    if named:
        found = [subject for name in named for subject in load_pairs(name)]
        return [pytest.param(subject, id=subject.name) for subject in found]
    from ddpm_study import pairs as own_pairs

    own = [pytest.param(subject, id=subject.name) for subject in own_pairs.pairs()]
    own += [pytest.param(subject, id=subject.name) for subject in own_pairs.trajectories()]
    own += [pytest.param(subject, id=subject.name) for subject in [own_pairs.process_trajectory(2)]]
    own += [pytest.param(subject, id=subject.name) for subject in own_pairs.tables()]
    large: list[Any] = [*own_pairs.large_pairs(), *map(own_pairs.process_trajectory, (3, 4))]
    return own + [pytest.param(s, id=s.name, marks=pytest.mark.slow) for s in large]


@pytest.mark.parity
def test_the_sides_agree(subject: Any, parity: Callable[..., Any]) -> None:
    parity(subject)
