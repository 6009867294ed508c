"""The brackets of what is held, as they are shown: their prices, and what of them is only watched."""

from __future__ import annotations

from decimal import Decimal

from tradectl.documents.account import BracketRow
from tradectl.domain.money import decimal_text, plain
from tradectl.portfolio.brackets import Brackets, Levels
from tradectl.state.books import Books


def bracket_rows(brackets: Brackets, books: Books) -> list[BracketRow]:
    """Of all positions, by symbol."""
    rows = []
    for position in books.positions() if brackets.is_active(books) else ():
        symbol = position.symbol
        levels = brackets.levels(symbol, books)
        stops = brackets.resting_stops(levels, symbol, books)
        targets = brackets.resting_targets(levels, symbol, books)
        rows += [_row(each, each.strategy in stops, each.strategy in targets) for each in levels]
    return rows


def _row(each: Levels, stop_rests: bool, target_rests: bool) -> BracketRow:
    own = each.own
    return BracketRow(
        symbol=own.symbol,
        strategy=each.strategy,
        side=own.side,
        size=plain(abs(own.quantity)),
        entry_price=decimal_text(own.entry_price),
        stop=_text(each.stop),
        stop_kind="" if each.stop is None else each.stop_leg,
        stop_watched=each.stop is not None and not stop_rests,
        target=_text(each.target),
        target_watched=each.target is not None and not target_rests,
        trailing_pct=_text(each.bracket.trailing_pct),
        armed=each.trail is not None,
    )


def _text(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)


__all__ = ["bracket_rows"]
