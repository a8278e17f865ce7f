"""The wheel carries every package but bench and tests, and works away from the checkout."""

from __future__ import annotations

import email
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (
    *("safe_files", "jittor_env", "ddpm", "impl_torch", "impl_jittor", "implementations", "parity"),
    *("ddpm_study", "ddpm_cli"),
)


def run(*command: object, **options: object) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, check=False, **options
    )  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the tracked files and install it into a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    names = [*PACKAGES, "pyproject.toml", "README.md", "LICENSE"]
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *names],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in tracked:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    run("-m", "pip", "wheel", "-q", *offline, "-w", folder, source)
    (wheel,) = folder.glob("*.whl")
    run("-m", "pip", "install", "-q", *offline, "--target", folder / "site", wheel)
    bundled = zipfile.ZipFile(wheel).namelist()
    missing = [n for n in tracked if n.split("/")[0] in PACKAGES and n not in bundled]
    assert not missing
    assert {n.split("/")[0] for n in bundled if not n.split("/")[0].endswith(".dist-info")} == {
        *PACKAGES
    }
    return folder / "site"


@pytest.mark.parametrize("module", ["parity.cli", "ddpm_cli.program"])
def test_the_programs_start_from_elsewhere(module: str, installed: Path, tmp_path: Path) -> None:
    code = f"import {module} as m; print(m.__file__); m.main(['--help'])"
    shown = run("-c", code, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(installed)})
    assert shown.startswith(str(installed))
    assert "sage" in shown


def test_what_is_no_python_is_there_too(installed: Path) -> None:
    assert (installed / "impl_jittor" / "kernels.h").is_file()
    assert (installed / "parity" / "report" / "report.schema.json").is_file()
    assert (
        installed / "ddpm_study" / "metrics" / "features" / "digit_classifier.safetensors"
    ).is_file()
    for name in ("page.html", "page.css", "page.js"):
        for folder in ("ddpm_study/page", "parity/report/pages"):
            assert (installed / folder / "template" / name).is_file()


def test_the_metadata_are_complete(installed: Path) -> None:
    (folder,) = installed.glob("ddpm_parity-*.dist-info")
    metadata = email.message_from_string((folder / "METADATA").read_text(encoding="utf-8"))
    assert metadata["License-Expression"] == "MIT"
    assert (folder / "licenses" / "LICENSE").is_file()
    assert metadata["Requires-Python"] == ">=3.10"
    extras = {"torch", "jittor", "ddpm", "inception", "bench", "notebook", "plots", "test"}
    assert set(metadata.get_all("Provides-Extra")) == extras
    assert "Typing :: Typed" in metadata.get_all("Classifier")
    assert metadata["Keywords"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    entries = (folder / "entry_points.txt").read_text(encoding="utf-8")
    for line in ("ddpm = ddpm_cli:start", "parity = parity.cli:main", "parity = parity.plugin"):
        assert line in entries
