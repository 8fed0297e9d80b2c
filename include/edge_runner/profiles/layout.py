"""The pieces that pages for people are made of: one style, no script, nothing fetched from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from edge_runner.profiles.markup import Child, Markup, element

STYLE = Path(__file__).with_name("style.css")
DIGEST_CHARS = 12
NONE = "\N{EN DASH}"


def document(title: str, heading: Markup, *body: Child) -> str:
    """A whole page.

    Args:
        title: What its tab says.
        heading: What stands at its top.
        body: What follows.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(STYLE.read_text())),
    )
    page = element("html", head, element("body", element("header", heading), *body), lang="en")
    return f"<!doctype html>\n{page}\n"


def chip(style: str, text: str) -> Markup:
    """A verdict."""
    return element("span", text, class_=f"chip {style}")


def heading(text: str, detail: str | None = None) -> Markup:
    """The title of a section."""
    return element("h2", text, element("small", detail) if detail else None)


def facts(told: Iterable[tuple[str, Child]]) -> Markup:
    """Names and what they stand for; what stands for nothing is left out."""
    return element(
        "dl", *(element("div", element("dt", name), element("dd", said)) for name, said in told if said)
    )


def table(heads: Sequence[tuple[str, str | None]], rows: Sequence[Markup]) -> Markup:
    """A table.

    Args:
        heads: Name and style of each column.
        rows: Its rows.
    """
    cells = (element("th", name, class_=style, scope="col") for name, style in heads)
    content = element("table", element("thead", element("tr", *cells)), element("tbody", *rows))
    return element("div", content, class_="scroll")


def digest(text: str | None) -> Markup | None:
    """The beginning of a digest; all of it where a pointer rests on it."""
    return element("span", text[:DIGEST_CHARS], class_="digest", title=text) if text else None
