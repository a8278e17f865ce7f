"""The form of a run's records: what each stage's result must hold for the page to be made of it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

# (value, its place) -> None; raises WrongField.
Check = Callable[[Any, str], None]


class WrongField(Exception):  # noqa: N818 - it is named after the finding, like CannotWrite
    """A value of a record has another form; the text names its place, and says what it is."""


def check_manifest(values: Any) -> None:
    """Check the values of a `run.json`.

    Raises:
        WrongField: one is missing, or has another form.
    """
    _MANIFEST(values, "")
    if "skipped" in values:  # files of before have none
        _list(_stage)(values["skipped"], "skipped")


def check_record(values: Any, stage: str) -> None:
    """Check the values of a stage's record.

    Raises:
        WrongField: one is missing, or has another form.
    """
    _RECORD(values, "")
    if values["stage"] != stage:
        raise WrongField(f"stage is {_shown(values['stage'])}, not {stage!r}")
    if stage in _RESULTS:
        _RESULTS[stage](values["result"], "result")


def _require(holds: bool, value: Any, place: str, form: str) -> None:
    if not holds:
        note = ", which stands for NaN and infinity" if value is None and "number" in form else ""
        raise WrongField(f"{place or 'the whole'} is {_shown(value)}{note}, not {form}")


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, (dict, list)):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _number(value: Any, place: str) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    fits = is_number and abs(value) < 1e300 and math.isfinite(value)
    _require(fits, value, place, "a finite number")


def _count(value: Any, place: str) -> None:
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    _require(is_integer and 0 <= value < 2**63, value, place, "a whole number")


def _text(value: Any, place: str) -> None:
    _require(isinstance(value, str), value, place, "a text")


def _stage(value: Any, place: str) -> None:
    fits = isinstance(value, str) and re.fullmatch(r"[a-z]+(-[a-z]+)*", value)
    _require(bool(fits), value, place, "the name of a stage")


def _flag(value: Any, place: str) -> None:
    _require(isinstance(value, bool), value, place, "true or false")


def _or_null(check: Check) -> Check:
    def checked(value: Any, place: str) -> None:
        if value is not None:
            check(value, place)

    return checked


def _list(check: Check, *, fewest: int = 0, most: float = math.inf) -> Check:
    def checked(values: Any, place: str) -> None:
        fits = isinstance(values, list) and fewest <= len(values) <= most
        number = f" of {fewest} or more" * bool(fewest) if fewest != most else f" of {fewest}"
        _require(fits, values, place, f"a list{number}")
        for i, value in enumerate(values):
            check(value, f"{place}[{i}]")

    return checked


def _object(check: Check) -> Check:
    def checked(values: Any, place: str) -> None:
        _require(isinstance(values, dict), values, place, "an object")
        for name, value in values.items():
            check(value, _below(place, name))

    return checked


def _fields(**checks: Check) -> Check:
    """Return the check of an object with these keys at least."""

    def checked(values: Any, place: str) -> None:
        _require(isinstance(values, dict), values, place, "an object")
        for name, check in checks.items():
            if name not in values:
                raise WrongField(f"{_below(place, name)} is missing")
            check(values[name], _below(place, name))

    return checked


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _by_framework(check: Check) -> Check:
    return _fields(torch=check, jittor=check)


_MANIFEST = _fields(
    preset=_text,
    dataset=_text,
    images=_text,
    config=_object(_object(lambda value, place: None)),
    scale=_object(_count),
    stages=_list(_stage, fewest=1),
)
_RECORD = _fields(
    stage=_stage,
    finished=_text,
    seconds=_number,
    environment=_object(_text),
    result=_object(lambda value, place: None),
)
_PIXELS = _fields(
    equal=_number,
    within_one=_number,
    largest=_count,
    images=_count,
    relative_difference=_or_null(_number),  # the page says that it is not a number
)
_DISCREPANCY = _fields(
    quantity=_text,
    float32=_or_null(_number),
    float64=_or_null(_number),
    is_rounding=_flag,
)
_INTERVAL = _list(_number, fewest=2, most=2)
_SCORE = _fields(
    title=_text,
    framework=_text,
    count=_count,
    real_count=_count,
    fid=_number,
    fid_interval=_INTERVAL,
    fid_infinity=_or_null(_number),  # null where there are too few images
    fid_bias=_or_null(_number),
    fid_bias_real=_or_null(_number),
    kid=_number,
    inception_score=_number,
    inception_score_interval=_INTERVAL,
    precision=_number,
    recall=_number,
)
_BENCHMARK = _fields(
    title=_text,
    seconds=_by_framework(_list(_number, fewest=1)),
    median=_by_framework(_number),
    ratio=_fields(median=_number, low=_number, high=_number, count=_count),
    peak_memory=_by_framework(_number),
)
_TRAINING = _fields(
    log=_text,
    parameters=_count,
    steps=_count,
    first_loss=_or_null(_number),
    last_loss=_or_null(_number),
    tail=_count,
    epochs=_list(_fields(seconds=_number), fewest=1),
)
_SAMPLING = _fields(samples=_text)


def _scores(values: Any, place: str) -> None:
    texts = _fields(label=_text, inception_label=_text, enough=_count, unavailable=_list(_text))
    texts(values, place)
    _fields(rows=_list(_SCORE, fewest=0 if values["unavailable"] else 3))(values, place)


_RESULTS: Mapping[str, Check] = {
    "parity": _fields(report=_text),
    "schedule": _fields(
        report=_text,
        tables=_list(
            _fields(table=_text, explained=_number, torch=_number, jittor=_number), fewest=1
        ),
    ),
    "train-torch": _TRAINING,
    "train-jittor": _TRAINING,
    "ensemble": _fields(
        steps=_count, spread=_list(_number, fewest=1), horizon=_or_null(_count), limit=_number
    ),
    "sample-torch": _SAMPLING,
    "sample-jittor": _SAMPLING,
    "sample-same": _SAMPLING,
    "pixels": _fields(same_weights=_PIXELS, own_weights=_PIXELS),
    "precision": _fields(
        steps=_count,
        batch=_count,
        agree=_flag,
        discrepancies=_list(_DISCREPANCY, fewest=1),
        parameters=_fields(
            compared=_list(_text), zero_gradient=_list(_text), no_gradient=_list(_text)
        ),
        pixels=_fields(float64=_PIXELS),
    ),
    "scores": _scores,
    "timing": _fields(benchmarks=_list(_BENCHMARK, fewest=1)),
}
