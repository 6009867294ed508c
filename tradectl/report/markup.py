"""Text becomes markup here and nowhere else: whatever is in it, a page shows it and does not obey it.

A `Markup` is made by `tag`; every other string is text and is escaped, in attributes as well.
"""

from __future__ import annotations

from html import escape


class Markup(str):
    """Markup that was made here; joined with `+` or `join` it is one still."""

    __slots__ = ()


NOTHING = Markup("")
Child = str | None


def tag(name: str, /, *children: Child, **attributes: str | float | None) -> Markup:
    """An element. `class_` is the attribute `class`, `data_x` is `data-x`; those that are None are left
    out, and an empty text is an attribute without a value."""
    told = "".join(
        f" {key.rstrip('_').replace('_', '-')}{_value(value)}"
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{told}>{join(*children)}</{name}>")


def void(name: str, /, **attributes: str | float | None) -> Markup:
    """One that has no content, such as `meta`."""
    return Markup(tag(name, **attributes).removesuffix(f"</{name}>"))


def join(*children: Child) -> Markup:
    """One after the other."""
    return Markup(
        "".join(
            child if isinstance(child, Markup) else escape(child) for child in children if child
        )
    )


def _value(value: str | float) -> str:
    return f'="{escape(value if isinstance(value, str) else number(value))}"' if value != "" else ""


def number(value: float) -> str:
    """As short as it goes: coordinates."""
    return f"{value:.1f}".removesuffix(".0")


__all__ = ["NOTHING", "Markup", "join", "number", "tag", "void"]
