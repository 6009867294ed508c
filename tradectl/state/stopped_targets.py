"""What a stop or an exchange closed is not entered again before a strategy asks for something else."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from tradectl.domain.positions import Position, nearer_zero
from tradectl.state.books_view import BooksView

NOBODY: Mapping[str, Position] = MappingProxyType({})


def stop_out(
    books: BooksView,
    symbol: str,
    left: Decimal,
    price: Decimal,
    closed: Mapping[str, Position] = NOBODY,
) -> None:
    """By a stop, or by an exchange that `closed` what strategies held: their positions after it. Where
    nothing is `left` but dust, no strategy is in the symbol; what was closed in part is not bought back
    either."""
    targets = books.account.targets.get(symbol, {})
    if not left or books.instruments[symbol].is_dust(abs(left), price):
        targets.update({name: target.stopped_out() for name, target in targets.items()})
        return
    for name, own in closed.items():
        if target := targets.get(name):
            wanted = own.quantity if target.quantity is None else target.quantity
            targets[name] = target.stopped_out(nearer_zero(wanted, own.quantity))


__all__ = ["stop_out"]
