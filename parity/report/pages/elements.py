"""HTML as elements: what is put into one is text, so names of modules cannot become tags."""

from __future__ import annotations

import pkgutil
from string import Template
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

Child = Element | str | None


def element(tag: str, *children: Child, **attributes: str | int | None) -> Element:
    """Return an element.

    Args:
        tag: its name.
        children: elements and texts; None is left out.
        attributes: `class_` and `data_path` stand for `class` and `data-path`; None is left out.
    """
    made = Element(
        tag,
        {
            name.rstrip("_").replace("_", "-"): str(value)
            for name, value in attributes.items()
            if value is not None
        },
    )
    add(made, *children)
    return made


def add(parent: Element, *children: Child) -> None:
    """Put more elements and texts at the end of an element."""
    for child in children:
        if isinstance(child, Element):
            parent.append(child)
        elif child and len(parent):
            parent[-1].tail = (parent[-1].tail or "") + child
        elif child:
            parent.text = (parent.text or "") + child


def html(made: Element) -> str:
    """Return an element as HTML."""
    return ElementTree.tostring(made, encoding="unicode", method="html")


def document(title: str, *parts: Element, with_script: bool = False) -> str:
    """Return a page with the style of all pages; nothing is fetched from elsewhere."""
    return Template(_template("page.html")).substitute(
        title=html(element("title", title)),
        style=_template("page.css"),
        parts="\n".join(map(html, parts)),
        script=f"<script>{_template('page.js')}</script>" if with_script else "",
    )


def _template(name: str) -> str:
    # Read by the loader, as the package may be inside of an archive.
    data = pkgutil.get_data(__package__, f"template/{name}")
    assert data is not None
    return data.decode()
