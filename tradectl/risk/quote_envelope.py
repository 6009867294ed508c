"""Risk approves what a strategy wants to rest as a whole: an envelope that its orders stay within.

Each level is judged by the checks that every order passes, in an account where all the levels before it
rest already, and none of what the strategy has resting now: so the last one that passes has been held
against all of them together, whatever is filled of them. What moments are about (the rate of orders, one
that repeats another) is left to each order as it leaves, which passes every check once more.

What only reduces what the strategy holds is not held back by what stands against the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, cast

from msgspec.structs import replace

from tradectl.domain.events import QuotesWanted
from tradectl.domain.money import ZERO, Side, money_text
from tradectl.domain.orders import Order, OrderSpec, OrderStatus, OrderType
from tradectl.domain.positions import Position, closable
from tradectl.domain.quotes import NO_QUOTES, Levels, QuoteLevel, QuoteSet, within
from tradectl.domain.views import AccountView
from tradectl.domain.working_orders import WorkingOrders
from tradectl.risk.base import Check, Denial, RememberingCheck
from tradectl.risk.context import RiskContext

BUY, SELL = Side.BUY, Side.SELL
ALLOCATION = "ALLOCATION"


class QuoteEnvelope:
    """`checks` judge each level, and `allocation` (0 to 1) is the share of equity that a strategy's
    position may come to if all of a side is filled."""

    def __init__(self, checks: Iterable[Check]) -> None:
        self._checks = tuple(c for c in checks if not isinstance(c, RememberingCheck))

    def judge(
        self, wanted: QuotesWanted, view: AccountView, at: int, allocation: Decimal
    ) -> tuple[QuoteSet, Denial | None]:
        """What of it is in force, and why it is not all of it."""
        quotes, own = wanted.quotes, _own(wanted, view)
        if not quotes:
            return quotes, None
        can_be = _that_can_be(quotes, own, wanted, view)
        reducing = _reducing(can_be, own)
        now = reducing if view.trading_state.only_reduces else can_be
        denial = self._denial(wanted, now, view, at)
        if denial is None:
            denial = _over_allocation(now, own, wanted, view, allocation)
        if denial is None:
            return quotes, None
        if self._denial(wanted, reducing, view, at) is None:
            return _reducing(quotes, own), denial  # what is bound now may come free
        return NO_QUOTES, denial

    def _denial(
        self, wanted: QuotesWanted, quotes: QuoteSet, view: AccountView, at: int
    ) -> Denial | None:
        """The first one of any level; the sides one after the other."""
        as_if = _AsIf(view, wanted.symbol, wanted.strategy)
        for side in (BUY, SELL):
            for level in quotes.on(side):
                spec = _spec(wanted, side, level, view, post_only=quotes.post_only)
                context = RiskContext(spec, cast(AccountView, as_if), at)  # it answers as one does
                for check in self._checks:
                    try:
                        denial = check.check(context)
                    except Exception as error:  # whatever it is, it is not a yes
                        denial = Denial("CHECK_FAILED", f"the check {check.code} failed: {error}")
                    if denial is not None:
                        return denial
                as_if.rest(Order(spec, at, at, OrderStatus.ACCEPTED))
        return None


class _AsIf:
    """The account as a `view` shows it, but for a strategy's quotes in a symbol: instead of those that
    rest there are those that were judged so far."""

    def __init__(self, view: AccountView, symbol: str, strategy: str) -> None:
        self._view, self._symbol = view, symbol
        rests = view.working_in(symbol)
        self._working = WorkingOrders(
            order for order in rests if not (order.spec.tag and order.spec.strategy == strategy)
        )
        self._fewer = len(rests) - len(self._working)
        self._more = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._view, name)

    def rest(self, order: Order) -> None:
        self._working.add(order)
        self._more += 1

    def working_in(self, symbol: str) -> WorkingOrders:
        return self._working if symbol == self._symbol else self._view.working_in(symbol)

    def working_orders(self, symbol: str = "") -> Iterable[Order]:
        if symbol:
            return self.working_in(symbol)
        others = (o for o in self._view.working_orders() if o.spec.symbol != self._symbol)
        return [*others, *self._working]

    def working_count(self) -> int:
        return self._view.working_count() - self._fewer + self._more

    def sums(self) -> _Sums:
        mark = self._view.mark(self._symbol)
        is_spot = not self._view.instrument(self._symbol).can_short
        more = ZERO
        if mark is not None and is_spot:
            rests = self._view.working_in(self._symbol)
            more = self._working.cost_at(mark) - rests.cost_at(mark)
        return _Sums(self._view.sums(), more)


class _Sums:
    """With other buys in one symbol. What is asked of the others leaves the symbol out anyway."""

    def __init__(self, sums: object, more: Decimal) -> None:
        self._sums, self._more = sums, more

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sums, name)

    def part(self, symbol: str) -> _Sums:
        """Only the quotes' own is asked for."""
        return _Sums(self._sums.part(symbol), self._more)  # type: ignore[attr-defined]  # the same

    @property
    def orders_cost(self) -> Decimal:
        cost: Decimal = self._sums.orders_cost  # type: ignore[attr-defined]  # an account's sums
        return cost + self._more


def _spec(
    wanted: QuotesWanted, side: Side, level: QuoteLevel, view: AccountView, *, post_only: bool
) -> OrderSpec:
    return OrderSpec(
        order_id=f"quotes-{side}-{level.price}-{level.tag}",
        symbol=wanted.symbol,
        side=side,
        quantity=level.quantity,
        type=OrderType.LIMIT,
        price=level.price,
        post_only=post_only,
        reduce_only=view.trading_state.only_reduces,
        strategy=wanted.strategy,
        tag=level.tag,
    )


def _own(wanted: QuotesWanted, view: AccountView) -> Decimal:
    held: Position | None = view.holdings(wanted.symbol).get(wanted.strategy)
    return ZERO if held is None else held.quantity


def _reducing(quotes: QuoteSet, own: Decimal) -> QuoteSet:
    """What takes the strategy's own position nearer to zero, and no further."""
    bids: Levels = within(quotes.bids, -own) if own < 0 else ()
    asks: Levels = within(quotes.asks, own) if own > 0 else ()
    return replace(quotes, bids=bids, asks=asks)


def _that_can_be(
    quotes: QuoteSet, own: Decimal, wanted: QuotesWanted, view: AccountView
) -> QuoteSet:
    """Coins that it does not have cannot be offered, nor those that a stop or an order of others binds:
    asks for more wait for bids to be filled, or for what binds them to go."""
    symbol = wanted.symbol
    if view.instrument(symbol).can_short:
        return quotes
    others = _AsIf(view, symbol, wanted.strategy).working_in(symbol).leaving(SELL)
    free = closable(view.position(symbol).quantity, SELL, others)
    return replace(quotes, asks=within(quotes.asks, max(min(own, free), ZERO)))


def _over_allocation(
    quotes: QuoteSet, own: Decimal, wanted: QuotesWanted, view: AccountView, allocation: Decimal
) -> Denial | None:
    mark = view.mark(wanted.symbol)
    if mark is None or view.trading_state.only_reduces:
        return None
    limit = max(view.equity(), ZERO) * allocation
    largest = max(
        abs(own + quotes.total(BUY)) if quotes.bids else ZERO,
        abs(own - quotes.total(SELL)) if quotes.asks else ZERO,
    )
    if largest * mark <= limit or largest <= abs(own):
        return None
    quote, worth = view.instrument(wanted.symbol).quote, largest * mark
    message = (
        f"if all of it is filled its {wanted.symbol} position comes to {money_text(worth, quote)}: "
        f"its allocation is {money_text(limit)}"
    )
    return Denial(ALLOCATION, message, str(limit), str(worth))


__all__ = ["ALLOCATION", "QuoteEnvelope"]
