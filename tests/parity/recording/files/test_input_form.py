"""Arguments in a file: nested as they were, or not at all."""

from __future__ import annotations

import json
from collections import deque

import numpy as np
import pytest

from parity.nested.arguments import arguments_of
from parity.recording.files.input_form import form_of, inputs_of

ARRAY = np.arange(3.0)


@pytest.mark.parametrize(
    "drawn",
    [
        {"x": ARRAY, "t": 3},
        (ARRAY, {"a": [ARRAY, None, (1, "text", True)], "b": ARRAY + 1}),
        ARRAY,
    ],
)
def test_arguments_come_back(drawn: object) -> None:
    arguments = arguments_of(drawn)
    values = json.loads(json.dumps(form_of(arguments)))
    back = inputs_of(values, arguments.arrays())
    assert repr(back) == repr(arguments)


def test_a_container_that_json_lacks_has_no_form() -> None:
    assert form_of(arguments_of({"x": deque([ARRAY])})) is None
