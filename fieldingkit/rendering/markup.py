"""HTML and SVG that cannot be broken out of: whatever is not markup already is escaped."""

from html import escape

from fieldingkit.cli.errors import strip_control_chars

__all__ = ["Markup", "tag"]


_VOID = frozenset({"meta", "br", "hr", "img"})


class Markup(str):
    """Text that is markup: made by ``tag``, or written in fieldingkit's own source."""

    __slots__ = ()


def tag(name: str, /, *children: "str | Markup", **attributes: str | float | None) -> Markup:
    """An element.

    Args:
        name: The element's name.
        children: What is in it; text is escaped, markup stands as it is.
        attributes: Its attributes; a trailing underscore is dropped and others become hyphens, and None leaves one out.
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
