"""How an exchange tells a long list page by page, and what the next page is asked for with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct


class Next(StrEnum):
    """What the next page is asked for with."""

    CURSOR = "cursor"
    """what stands at the key, in any of its rows"""
    LEAST = "least"
    """the smallest number at the key: pages begin with the newest"""
    LAST = "last"
    """what stands at the key in its last row"""
    COUNT = "count"
    """how many rows there have been"""
    PAGE = "page"
    """the number of the page"""


class Pages(Struct, frozen=True):
    """The next one is asked for by the parameter `param`; `key` is one of the exchange's own rows. `most`
    rows of a page are asked for, where that is not what ccxt says."""

    param: str
    by: Next
    key: str = ""
    most: int | None = None

    def following(self, raws: Sequence[Mapping[str, Any]], rows: int, number: int) -> str:
        """What the page after number `number` is asked for with, with which there were `rows`; empty
        where there is none."""
        if not raws:
            return ""
        if self.by is Next.COUNT:
            return str(rows)
        if self.by is Next.PAGE:
            return str(number + 1)
        told = [str((raw.get("info") or {}).get(self.key) or "") for raw in raws]
        told = [text for text in told if text]
        if not told:
            return ""
        return min(told, key=by_number) if self.by is Next.LEAST else told[-1]


def by_number(name: str) -> tuple[int, str]:
    return (int(name) if name.isdigit() else 0, name)


__all__ = ["Next", "Pages", "by_number"]
