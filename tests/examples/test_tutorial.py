"""The tutorial runs as it stands, and finds what its text says, where it says so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from parity.report.known_divergences import DIVERGENCES
from tests.examples.notebook import ROOT, cells, printed, stored

NOTEBOOK = ROOT / "examples" / "tutorial.ipynb"
TEXT = "\n".join("".join(cell["source"]) for cell in cells(NOTEBOOK, "markdown"))
RUNNING_VAR = "jittor.batch_norm.running_var"
# What each command must say; the text beside it speaks of that.
SAID = {
    "atlas": ("write: jt.nn.leaky_relu(x, scale=0.2)", "mode='nearest'", "running_var", "status 0"),
    "first check": (
        *("net: DISAGREE (SEMANTIC_DIFFERENCE", "between output of norm and input of conv2"),
        *("confirmed: ", "2 more independent faults", "exit status 1"),
    ),
    "second check": (
        *("net: DISAGREE (SEMANTIC_DIFFERENCE", "between output of conv2 and input of head"),
        *("1 more independent fault", "exit status 1"),
    ),
    "third check": (
        *("net: DISAGREE (SEMANTIC_DIFFERENCE", "at norm, forward: running_var after the run"),
        *(f"known divergence: {RUNNING_VAR}", f'accept={{"{RUNNING_VAR}"', "exit status 1"),
    ),
    "accepted": ("net: agree (NUMERICALLY_WEAKER", "stress input: large offset", "exit status 0"),
    "as data": ("True NUMERICALLY_WEAKER None",),
    "training": (
        *("steps 0, 1 of the training loop", "run.parity: DISAGREE (SEMANTIC_DIFFERENCE"),
        *("optimizer: momentum of weight at step 0", "exit status 1"),
    ),
    "trained": ("run.parity: agree (WITHIN_NOISE", "exit status 0"),
}


@pytest.fixture(scope="module")
def outputs() -> list[str]:
    return [text for text in printed(NOTEBOOK) if text]


@pytest.mark.parametrize("number", range(len(SAID)), ids=list(SAID))
def test_a_cell_says_what_its_text_says(number: int, outputs: list[str]) -> None:
    assert len(outputs) == len(SAID)
    for text in list(SAID.values())[number]:
        assert text in outputs[number]


def verdicts(texts: list[str]) -> list[str]:
    """Return the lines that decide, without their numbers."""
    lines = [line for text in texts for line in text.splitlines()]
    return [x for x in lines if re.match(r"\S+: (agree|DISAGREE)|  at |next: |exit status", x)]


def test_the_stored_outputs_are_those_of_a_run(outputs: list[str]) -> None:
    assert len(verdicts(outputs)) > 20
    assert verdicts(stored(NOTEBOOK)) == verdicts(outputs)


def test_it_is_small_and_knows_no_machine() -> None:
    content = NOTEBOOK.read_text(encoding="utf-8")
    assert len(content) < 40_000
    places = (str(Path.home()), str(ROOT), "/tmp", "/home", "/root")
    assert not [place for place in places if place in content]
    document = json.loads(content)
    assert document["nbformat"] == 4
    numbers = [cell["execution_count"] for cell in cells(NOTEBOOK, "code")]
    assert numbers == list(range(1, len(numbers) + 1))


def test_what_the_text_names_exists() -> None:
    paths = re.findall(r"`(docs/[\w.-]+)`", TEXT)
    assert len(paths) >= 3
    assert all((ROOT / path).is_file() for path in paths)
    assert set(re.findall(r"jittor\.[a-z_.]+(?<!\.)", content_of_code())) >= {RUNNING_VAR}
    assert RUNNING_VAR in DIVERGENCES


def content_of_code() -> str:
    return "".join("".join(cell["source"]) for cell in cells(NOTEBOOK, "code"))
