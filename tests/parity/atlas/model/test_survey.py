from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from parity.atlas.calls.counterparts import Sources
from parity.atlas.calls.use import Use
from parity.atlas.cases import ORDINARY
from parity.atlas.finding import OUTPUT, AtlasCause, Finding
from parity.atlas.model.judging import JudgeTask
from parity.atlas.model.results import Impact, Instead, UseResult
from parity.atlas.model.survey import judge_use, notes_on
from parity.base.worker import WorkerDied
from parity.verdict import Verdict

CASES = (ORDINARY, "zeros", "nan")
Answer = Callable[[str, str], AtlasCause]


class Worker:
    """Answers with a finding of one cause for each source and case."""

    def __init__(self, answer: Answer, reference: str = "") -> None:
        self._answer, self._reference = answer, reference

    def ask(self, task: JudgeTask) -> list[Finding]:
        cause = self._answer(task.source, task.case)
        if cause is AtlasCause.CRASH:
            raise WorkerDied("signal 11")
        agrees = cause is AtlasCause.AGREEMENT
        verdict = Verdict.IDENTICAL if agrees else Verdict.ERROR
        return [
            Finding(case=task.case, tensor=OUTPUT, verdict=verdict, cause=cause, candidate="raised",
                    reference=self._reference)
        ]  # fmt: skip


def judged(
    answer: Answer, *ways: str, short: str = "", compat: tuple[str, ...] = (), **options: Any
) -> UseResult | str:
    use = Use(name="torch.nn.functional.relu", calls=1, places=[""])
    worker: Any = Worker(answer, **options)
    return judge_use(worker, use, Sources(ways, short, compat), CASES)


def of(result: UseResult | str) -> UseResult:
    assert isinstance(result, UseResult)
    return result


def test_a_source_that_agrees_everywhere_has_no_findings() -> None:
    result = of(judged(lambda source, case: AtlasCause.AGREEMENT, "a", "b"))
    assert (result.impact, result.jittor, result.instead) == (Impact.NONE, "a", None)


def test_without_a_source_it_is_lacking() -> None:
    assert of(judged(lambda source, case: AtlasCause.AGREEMENT)).impact is Impact.LACKING


def test_a_replacement_of_what_is_lacking_is_judged_and_offered() -> None:
    result = of(judged(lambda source, case: AtlasCause.AGREEMENT, compat=("compat.f(x)",)))
    assert (result.impact, result.instead) == (Impact.LACKING, Instead(source="compat.f(x)"))
    wrong = judged(lambda source, case: AtlasCause.VALUES, compat=("compat.f(x)",))
    assert of(wrong).instead is None


def test_a_worker_that_dies_is_a_finding() -> None:
    assert of(judged(lambda source, case: AtlasCause.CRASH, "a")).impact is Impact.ENDS_PROCESS


@pytest.mark.parametrize(
    ("answers", "instead"),
    [
        ({"b": (), "c": ()}, Instead(source="b")),
        ({"b": (ORDINARY,), "c": ()}, Instead(source="c")),
        ({"b": ("nan",), "c": ("nan", "zeros")}, Instead(source="b", remaining=["nan"])),
        ({"b": CASES, "c": CASES}, None),
    ],
)
def test_another_source_is_offered_if_it_differs_less(
    answers: dict[str, tuple[str, ...]], instead: Instead | None
) -> None:
    def answer(source: str, case: str) -> AtlasCause:
        differs = case in answers.get(source, (ORDINARY, "zeros", "nan"))
        return AtlasCause.VALUES if differs else AtlasCause.AGREEMENT

    assert of(judged(answer, "a", "b", "c")).instead == instead


def test_a_source_that_raises_is_never_offered() -> None:
    def answer(source: str, case: str) -> AtlasCause:
        return AtlasCause.VALUES if source == "a" else AtlasCause.EXCEPTION

    assert of(judged(answer, "a", "b")).instead is None


def test_where_the_plain_call_raises_a_partial_answer_is_offered_with_what_remains() -> None:
    def answer(source: str, case: str) -> AtlasCause:
        if source == "a":
            return AtlasCause.EXCEPTION
        return AtlasCause.VALUES if case == "nan" else AtlasCause.AGREEMENT

    result = of(judged(answer, "a", "b"))
    assert (result.impact, result.instead) == (
        Impact.RAISES, Instead(source="b", remaining=["nan"])
    )  # fmt: skip


def test_what_pytorch_refuses_on_the_models_own_values_is_not_judged() -> None:
    answer = judged(lambda source, case: AtlasCause.EXCEPTION, "a", reference="ValueError: no")
    assert answer == "cannot be run again: ValueError: no"


def test_the_short_call_counts_where_a_spelled_out_default_raises() -> None:
    def answer(source: str, case: str) -> AtlasCause:
        return AtlasCause.EXCEPTION if source == "spelled" else AtlasCause.AGREEMENT

    result = of(judged(answer, "spelled", short="short"))
    assert (result.impact, result.jittor) == (Impact.NONE, "short")


def test_defaults_that_are_others_are_found() -> None:
    def answer(source: str, case: str) -> AtlasCause:
        return AtlasCause.VALUES if source == "short" else AtlasCause.AGREEMENT

    assert of(judged(answer, "a", short="short")).impact is Impact.OTHER_DEFAULTS
    assert of(judged(answer, "a")).impact is Impact.NONE


def test_notes_are_of_entries_about_the_operator() -> None:
    assert any("BatchNorm" in entry for entry in notes_on("torch.nn.BatchNorm2d"))
    assert all("relu" in entry.lower() for entry in notes_on("torch.nn.functional.relu"))
    assert notes_on("torch.nn.functional.no_such_function") == {}
