"""HTML and SVG as values: text is escaped wherever it comes from, elements are not escaped twice."""

from __future__ import annotations

from html import escape

VOID = frozenset({"meta", "line", "rect", "path", "br"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


Child = str | int | float | None


def element(tag: str, *children: Child, **attributes: Child) -> Markup:
    """One element.

    Args:
        tag: Its name.
        children: Markup as it is, other text escaped; None is left out.
        attributes: Values are escaped; None leaves the attribute out. `class_` is `class`, `_` is `-`.
    """
    said = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in VOID and not children:
        return Markup(f"<{tag}{said}/>")
    return Markup(f"<{tag}{said}>{join(*children)}</{tag}>")


def join(*children: Child) -> Markup:
    """Several pieces as one."""
    return Markup(
        "".join(
            child if isinstance(child, Markup) else escape(str(child))
            for child in children
            if child is not None
        )
    )
