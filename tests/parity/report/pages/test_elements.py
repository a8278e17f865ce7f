"""Texts and attributes stay what they are, whatever is in them."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from parity.report.pages.elements import document, element, html

ODD = ["<b>", "&amp;", "</script>", "'\"", "</title>", "$style", "一", "a\u2028b"]


class Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.values: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.values += [value for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("text", ODD)
def test_a_text_is_never_a_tag(text: str) -> None:
    parser = Texts()
    parser.feed(html(element("p", element("i", text), text, title=text)))
    assert (parser.tags, parser.texts, parser.values) == (["p", "i"], [text, text], [text])


def test_children_and_attributes_are_in_order_and_none_is_left_out() -> None:
    made = element("p", "a", None, element("b", "c"), "d", "e", class_="x", data_path="y", id=None)
    assert html(made) == '<p class="x" data-path="y">a<b>c</b>de</p>'


@pytest.mark.parametrize("text", ODD)
def test_a_document_has_its_title_and_a_script_only_if_asked_for(text: str) -> None:
    for with_script in (False, True):
        page = document(text, element("p", text), with_script=with_script)
        parser = Texts()
        parser.feed(page)
        assert parser.tags.count("title") == parser.tags.count("p") == 1
        assert parser.tags.count("script") == int(with_script)
        assert parser.texts.count(text) == 2
