"""A symbol whose order book lost a step, or cannot be, is restricted until a whole book comes."""

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
            self._post_restriction(symbol, restricted=True, message=harmless(message))

    def whole(self, symbol: str) -> None:
        """A whole, uncrossed book came."""
        if symbol in self._broken:
            self._broken.discard(symbol)
            self._post_restriction(symbol, restricted=False)

    def _post_restriction(self, symbol: str, *, restricted: bool, message: str = "") -> None:
        self._post(
            SymbolRestricted(
                source_component=SOURCE,
                symbol=symbol,
                kind=RestrictionKind.BROKEN_BOOK,
                restricted=restricted,
                message=message,
            )
        )


__all__ = ["BookRestrictions"]
