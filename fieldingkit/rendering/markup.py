"""Escaped HTML and SVG elements: everything that is not markup already is escaped."""

from html import escape

from fieldingkit.rendering.text import strip_control_chars

__all__ = ["Markup", "tag"]


_VOID = frozenset({"meta", "br", "hr", "img"})


class Markup(str):
    """Text that is markup: the result of ``tag``, or a literal of this package."""

    __slots__ = ()


def tag(name: str, /, *children: "str | Markup", **attributes: str | float | None) -> Markup:
    """Return an element.

    Args:
        name: The element's name.
        children: Its content; text is escaped, markup is kept.
        attributes: Its attributes. A trailing underscore is dropped, other underscores become hyphens, and None leaves
            an attribute out.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(strip_control_chars(_text(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    inner = "".join(child if isinstance(child, Markup) else escape(strip_control_chars(child)) for child in children)
    return Markup(f"<{name}{given}>{inner}</{name}>")


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
