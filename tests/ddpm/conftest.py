"""Fixtures of the tests of the package `ddpm`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from ddpm.errors import InputError
from safe_files import CannotWrite

# The same examples each time, however busy the machine: a test that fails must fail again.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")

Refuses = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def refuses() -> Refuses:
    """Return a block that must end in an InputError of one line with each part in it, literally."""
    return _refusal(InputError)


@pytest.fixture
def refuses_to_write() -> Refuses:
    """Return a block that must end in a CannotWrite of one line with each part in it, literally."""
    return _refusal(CannotWrite)


def _refusal(kind: type[Exception]) -> Refuses:
    @contextmanager
    def block(*parts: object) -> Iterator[None]:
        with pytest.raises(kind) as caught:
            yield
        text = str(caught.value)
        assert re.fullmatch(r"[^\n]+", text), f"not one line: {text!r}"
        for part in parts:
            assert str(part) in text

    return block


@pytest.fixture
def listing() -> Callable[[Path], set[str]]:
    """Return the files below a folder, hidden ones too, so that left-overs show."""
    return lambda folder: {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    }
