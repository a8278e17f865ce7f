from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def models() -> ModuleType:
    """Load `models.py` from beside this file; test folders are no packages."""
    path = Path(__file__).with_name("models.py")
    spec = importlib.util.spec_from_file_location("parity_test_models", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
