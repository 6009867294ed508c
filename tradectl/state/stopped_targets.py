"""What a stop, an exchange or the account's owner closed is not entered again before a strategy asks for
something else.

Only targets on the side that was closed are over: who wants the other one is not stopped by it. Dust is
closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from tradectl.domain.money import ZERO
from tradectl.domain.positions import Position, nearer_zero
from tradectl.domain.shares import StrategyTarget
from tradectl.state.books_view import BooksView
from tradectl.state.resting_quotes import call_off

NOBODY: Mapping[str, Position] = MappingProxyType({})


def stop_out(
    books: BooksView,
    symbol: str,
    before: Decimal,
    left: Decimal,
    price: Decimal,
    closed: Mapping[str, Position] = NOBODY,
) -> None:
    """Of a position of `before`, signed, this is `left`; `closed` are the positions after it of the
    strategies that it was taken from. Where nothing is left but dust, no strategy is in the symbol; what
    was closed in part is not bought back either."""
    call_off(books.account, symbol, closed)
    targets = books.account.targets.get(symbol, {})
    flat = not left or books.is_dust(symbol, left, price)
    for name, target in targets.items() if flat else _of(targets, closed):
        if target.size * before < 0:
            continue
        wanted = ZERO
        if not flat:
            own = closed[name].quantity
            wanted = nearer_zero(own if target.quantity is None else target.quantity, own)
        targets[name] = target.stopped_out(wanted)


def _of(
    targets: Mapping[str, StrategyTarget], closed: Mapping[str, Position]
) -> list[tuple[str, StrategyTarget]]:
    return [(name, targets[name]) for name in closed if name in targets]


__all__ = ["stop_out"]
