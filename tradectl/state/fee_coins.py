"""Fees that are paid in another coin than the one that was bought.

    external holdings of the coin   pay first: a fee, and a transfer in of equal worth
    our own position in it          pays the rest, as far as no order of ours binds it: sold at what the
                                    fee was worth, and the fee is paid with the proceeds
    neither                         it was there all the same, and not ours: as if it had been external

The fee itself is booked with the fill, in the quote currency. No position on spot goes below zero by it.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from tradectl.domain.events import Event, OrderFilled, Record, trade_key
from tradectl.domain.money import CENT_OF_A_SATOSHI, ZERO, Side
from tradectl.domain.positions import closable
from tradectl.state.account import Account, Fill
from tradectl.state.baselines import shift
from tradectl.state.booking import Booking, book_moved
from tradectl.state.books_view import BooksView

FEE = "fee"
"""Whose the coins are entered as sold by."""


class PaidInCoins(Struct, frozen=True):
    """Of a fee at an `exchange`: what was `external` of the `coin`'s symbol after it, the money that was
    `transferred` in by that, and where a part of our own went, what that makes of it."""

    exchange: str
    coin: str
    external: Decimal
    transferred: Decimal
    sold: Booking | None = None
    fill: Fill | None = None

    def events(self) -> list[Event]:
        return [] if self.sold is None else [self.sold.changed()]

    def note_external(self, account: Account) -> None:
        """What is left of it, and its worth as money that came from outside: neither profit nor loss."""
        known = account.at_exchange()
        if self.external != known.external.get(self.coin, ZERO):
            known.external[self.coin] = self.external
        account.book_cash(account.cash + self.transferred, self.exchange)
        known.transferred += self.transferred
        shift(account, self.transferred)


def paid_in_coins(
    books: BooksView, fill: OrderFilled, booking: Booking, record: Record
) -> PaidInCoins | None:
    """None where it was paid in the quote currency, or kept of what was bought, as `booking` has it."""
    if not fill.fee_paid or booking.kept:
        return None
    exchange = books.instruments.exchange_of(fill.symbol)
    coin = books.instruments.symbol_of(fill.fee_currency, fill.symbol)
    if coin is None:
        return PaidInCoins(exchange, "", ZERO, fill.fee)
    external = books.external(coin)
    rest = max(fill.fee_paid - max(external, ZERO), ZERO)
    after = external - min(fill.fee_paid, max(external, ZERO))
    is_same = coin == fill.symbol
    position = booking.position if is_same else books.position(coin)
    selling, this = books.working_in(coin).leaving(Side.SELL), books.order(fill.order_id)
    if this is not None and this.spec.parent_id:
        this = books.order(this.spec.parent_id)
    if this is not None and this in books.working_in(coin) and this.spec.side is Side.SELL:
        selling -= this.remaining
    ours = min(rest, closable(max(position.quantity, ZERO), Side.SELL, selling))
    if not ours:
        return PaidInCoins(exchange, coin, after, fill.fee)
    price = (fill.fee / fill.fee_paid).quantize(CENT_OF_A_SATOSHI)
    owned = {**books.holdings(coin), **booking.owned} if is_same else books.holdings(coin)
    sold = book_moved(-ours, price, position, owned, ZERO, books.instruments[coin], traded=True)
    report = OrderFilled(
        source_component=fill.source_component,
        order_id=f"{FEE}-{record.seq}",
        symbol=coin,
        trade_id=trade_key(fill.symbol, fill.trade_id),
        side=Side.SELL,
        quantity=ours,
        price=price,
        ts=fill.ts,
    )
    left = fill.fee - sold.cash
    return PaidInCoins(exchange, coin, after, left, sold, Fill(report, FEE, record.at))


__all__ = ["FEE", "PaidInCoins", "paid_in_coins"]
