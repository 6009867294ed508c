"""Symbols whose order book is broken: held from the moment a step was lost until a whole book comes."""

from __future__ import annotations

from collections.abc import Callable

from tradectl.domain.events import Event, RestrictionKind, SymbolRestricted
from tradectl.domain.text import harmless
from tradectl.feeds.live.staleness import SOURCE


class BookRestrictions:
    def __init__(self, post: Callable[[Event], None]) -> None:
        self._post = post
        self._broken: set[str] = set()

    def broken(self, symbol: str, message: str) -> None:
        if symbol not in self._broken:
            self._broken.add(symbol)
            self._post_restriction(symbol, held=True, message=harmless(message))

    def whole(self, symbol: str) -> None:
        """A whole, uncrossed book came."""
        if symbol in self._broken:
            self._broken.discard(symbol)
            self._post_restriction(symbol, held=False)

    def _post_restriction(self, symbol: str, *, held: bool, message: str = "") -> None:
        self._post(
            SymbolRestricted(
                source_component=SOURCE,
                symbol=symbol,
                kind=RestrictionKind.BROKEN_BOOK,
                restricted=held,
                message=message,
            )
        )


__all__ = ["BookRestrictions"]
