from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from parity.errors import CannotCompare
from parity.evidence.records import Timing, read_evidence


def test_each_file_is_known_by_its_content(folder: Path) -> None:
    names = ["bench.json", "right.json", "losses.json", "pictures/loss curves.png"]
    evidence = read_evidence([folder / name for name in names])
    assert [report.pair for report in evidence.reports] == ["right"]
    assert evidence.losses[0]["last_losses"] == [0.25, 0.26]
    assert evidence.timings == [
        Timing("sampling", "jittor", "torch", (0.8, 0.9, 1.1), in_turn=True),
        Timing("step", "jittor", "torch", (0.5, 0.5, 0.5), in_turn=False),
    ]
    assert evidence.machine == {"processor": "A CPU", "system": "Linux", "python": "3.11"}
    digest = hashlib.sha256((folder / "right.json").read_bytes()).hexdigest()
    assert evidence.digests["right.json"] == digest
    assert len(evidence.digests) == 4


def test_two_files_of_one_name_are_both_listed(folder: Path) -> None:
    (folder / "again").mkdir()
    again = folder / "again" / "right.json"
    again.write_bytes((folder / "right.json").read_bytes() + b"\n")
    evidence = read_evidence([folder / "right.json", again])
    assert list(evidence.digests) == ["right.json", "right.json (2)"]


def test_a_file_given_twice_is_refused(folder: Path) -> None:
    with pytest.raises(CannotCompare, match="is given twice"):
        read_evidence([folder / "right.json", folder / "right.json"])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('{"schema": "other"}', "is of an unknown form: name a report of `parity check --json`"),
        ("[1]", "is of an unknown form"),
        ("{", "odd.json"),
        ('{"schema": "parity-losses/1"}', "lacks 'a': write it anew"),
        ('{"schema": "parity-report/2"}', "odd.json"),
        ('{"benchmarks": [{"group": "a"}, {"group": "a"}]}', "of pytest-benchmark: KeyError"),
        ('{"benchmarks": [5]}', "is no file of pytest-benchmark: AttributeError"),
    ],
)
def test_a_file_of_another_form_is_refused(folder: Path, content: str, text: str) -> None:
    (folder / "odd.json").write_text(content)
    with pytest.raises(CannotCompare) as refused:
        read_evidence([folder / "right.json", folder / "odd.json"])
    assert text in str(refused.value)
    assert "\n" not in str(refused.value)


def test_nothing_is_made_from_nothing(folder: Path) -> None:
    with pytest.raises(CannotCompare, match="evidence needs a comparison"):
        read_evidence([folder / "losses.json", folder / "pictures/loss curves.png"])
    with pytest.raises(CannotCompare, match=r"none\.json"):
        read_evidence([folder / "none.json"])
    plain = json.loads((folder / "right.json").read_text())
    plain["findings"] = [f for f in plain["findings"] if f["phase"] == "init"]
    (folder / "empty.json").write_text(json.dumps(plain))
    with pytest.raises(CannotCompare, match="compares no tensor of 'right'"):
        read_evidence([folder / "empty.json"])
