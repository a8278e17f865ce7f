from __future__ import annotations

import re

from parity.evidence.words import CHINESE, ENGLISH


def test_both_languages_say_the_same_things() -> None:
    assert ENGLISH.keys() == CHINESE.keys()
    for name, english in ENGLISH.items():
        fields = [sorted(re.findall(r"{\w+}", text)) for text in (english, CHINESE[name])]
        assert fields[0] == fields[1], name
        assert english.count("|") == CHINESE[name].count("|"), name
