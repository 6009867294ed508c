"""Where an entry goes that may go to several exchanges: where price and fee, and what waits behind the
best price, come to the least for who buys, and to the most for who sells.

    entry       the listing that is best at that moment, told in the signal's notes (`route`)
    all else    where the strategy has its position, or wants one, one that was stopped out too: one
                listing at a time, until it says to be out

A listing whose data is old, whose symbol is restricted, or at whose exchange the money for it is not
there does not count; where none does, it is the first one, and risk says why not. Prices are those that
were heard in this run, positions and money those of the books: decided again it is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from tradectl.domain.allocation import share_of
from tradectl.domain.events import (
    BarEvent,
    BarOpened,
    BookEvent,
    MarketDataEvent,
    QuoteEvent,
    Record,
    SignalAction,
    StrategySignalEvent,
)
from tradectl.domain.instruments import Instrument
from tradectl.domain.market_events import Level
from tradectl.domain.money import ONE, ZERO, Side, plain
from tradectl.domain.notes import MOST_NOTES
from tradectl.domain.views import AccountView
from tradectl.strategy.configured import StrategyInstance, listings_of
from tradectl.strategy.instances import Word

Fee = Callable[[str], Decimal]
"""The taker's fee of a symbol, as a part of the notional."""


class Offer(NamedTuple):
    """What `symbol` comes to for one coin, fees included; None where it is out of the question. `told` is
    the same in words, or why."""

    symbol: str
    price: Decimal | None
    told: str

    def __str__(self) -> str:
        return f"{self.symbol} {self.told}"


class BestExchange:
    """For the `instances` that are routed, over what the run's `symbols` list. `part` is the share of its
    budget that a strategy's position usually has, and data older than `stale_after` (ns) is old."""

    def __init__(
        self,
        instances: Sequence[StrategyInstance],
        symbols: Sequence[str],
        view: AccountView,
        fee: Fee,
        *,
        part: Decimal,
        stale_after: int,
    ) -> None:
        self._instances = {each.name: each for each in instances if each.routed}
        self._listings = {
            symbol: listings_of(symbol, symbols)
            for each in self._instances.values()
            for symbol in each.symbols
        }
        self._heard = {s for listings in self._listings.values() for s in listings}
        self._view, self._fee, self._stale_after = view, fee, stale_after
        self.part = part
        self._last: dict[str, MarketDataEvent] = {}
        self._quotes: dict[str, QuoteEvent] = {}
        self._lengths: dict[str, int] = {}
        """of the candles of a listing, ns"""

    def listings(self, strategy: str) -> Mapping[str, tuple[str, ...]]:
        """Of each symbol of a strategy that is routed; empty for the others."""
        instance = self._instances.get(strategy)
        return {} if instance is None else {s: self._listings[s] for s in instance.symbols}

    def on_market(self, event: MarketDataEvent, _record: Record) -> None:
        if event.symbol in self._heard:
            self._last[event.symbol] = event
            if isinstance(event, QuoteEvent):
                self._quotes[event.symbol] = event
            elif isinstance(event, BarEvent):
                self._lengths[event.symbol] = event.interval

    def routed(self, word: Word, at: int) -> Word:
        """The word as it goes to an exchange; that of a strategy that is not routed is as it was. Raises
        ValueError for quotes of one that is."""
        instance = self._instances.get(word.strategy)
        if instance is None:
            return word
        if not isinstance(word, StrategySignalEvent):
            raise ValueError("quote: a routed strategy says signals; leave `routed` out")
        return self._routed(instance, word, at)

    def _routed(
        self, instance: StrategyInstance, signal: StrategySignalEvent, at: int
    ) -> StrategySignalEvent:
        listings = self._listings[signal.symbol]
        there = place_of(instance.name, listings, self._view)
        if there:
            return signal if there == signal.symbol else replace(signal, symbol=there)
        short = self._view.instrument(signal.symbol).can_short
        if signal.action is SignalAction.CLOSE or (
            signal.action is SignalAction.SELL and not short
        ):
            return signal
        side = Side.BUY if signal.action is SignalAction.BUY else Side.SELL
        size = self._notional(instance, signal)
        offers = [self._offer(symbol, signal.symbol, side, size, at) for symbol in listings]
        best = _best(offers, side)
        rest = ", ".join(str(offer) for offer in offers if offer is not best)
        told = f"nowhere: {rest}" if best is None else f"{best} with the fee, not {rest}"
        notes = signal.notes
        if len(notes) < MOST_NOTES:
            notes = {**notes, "route": told}
        return replace(signal, symbol=best.symbol if best else signal.symbol, notes=notes)

    def _notional(self, instance: StrategyInstance, signal: StrategySignalEvent) -> Decimal:
        """About what is going to be ordered, in money."""
        view = self._view
        share = share_of(view.allocation, instance.name, instance.allocation)
        return max(view.equity(), ZERO) * share * self.part * Decimal(str(signal.strength))

    def _offer(self, symbol: str, plain_one: str, side: Side, size: Decimal, at: int) -> Offer:
        view = self._view
        instrument, last = view.instrument(symbol), self._last.get(symbol)
        if instrument.can_short != view.instrument(plain_one).can_short:
            return Offer(symbol, None, "is of another kind")
        if last is None or last.price <= 0:
            return Offer(symbol, None, "has no price yet")
        if self._is_old(last, at):
            return Offer(symbol, None, "has old prices")
        if view.restrictions(symbol):
            return Offer(symbol, None, "is restricted")
        if not self._can_pay(instrument, side, size):
            return Offer(symbol, None, "lacks money there")
        fee = self._fee(symbol)
        price = average(self._levels(symbol, side, last, at), size)
        paid = price * (ONE + fee if side is Side.BUY else ONE - fee)
        return Offer(symbol, paid, plain(instrument.round_price(paid)))

    def _is_old(self, event: MarketDataEvent, at: int) -> bool:
        """Of candles nothing new is told before the next one's end."""
        is_candle = isinstance(event, (BarEvent, BarOpened))
        length = self._lengths.get(event.symbol, 0) if is_candle else 0
        return at - (event.ts or at) > self._stale_after + length

    def _can_pay(self, instrument: Instrument, side: Side, size: Decimal) -> bool:
        view, symbol = self._view, instrument.symbol
        free = view.cash_for(symbol) - view.sums().part(symbol).orders_cost
        need = size / instrument.max_leverage if instrument.can_short else size
        return need * (ONE + self._fee(symbol)) <= free

    def _levels(self, symbol: str, side: Side, last: MarketDataEvent, at: int) -> Sequence[Level]:
        """What stands opposite, best price first; the last price alone where no quotes are told."""
        quote = self._quotes.get(symbol)
        if quote is None or self._is_old(quote, at):
            return ((last.price, ZERO),)
        if isinstance(quote, BookEvent) and (
            levels := quote.asks if side is Side.BUY else quote.bids
        ):
            return levels
        return (((quote.ask if side is Side.BUY else quote.bid) or quote.price, ZERO),)


def _best(offers: Sequence[Offer], side: Side) -> Offer | None:
    """Of equal ones the first."""
    prices = [(offer.price, offer) for offer in offers if offer.price is not None]
    choose = min if side is Side.BUY else max
    return choose(prices, key=lambda found: found[0])[1] if prices else None


def place_of(strategy: str, listings: Sequence[str], view: AccountView) -> str:
    """Where a strategy holds something or wants to, or has an order; empty where it does nowhere."""
    for symbol in listings:
        target, own = view.targets(symbol).get(strategy), view.holdings(symbol).get(strategy)
        if (own is not None and own.quantity and view.open_quantity(symbol)) or (
            target is not None and target.size
        ):
            return symbol
    for symbol in listings:
        if any(strategy in order.spec.owners for order in view.working_orders(symbol)):
            return symbol
    return ""


def average(levels: Sequence[Level], notional: Decimal) -> Decimal:
    """The price of so much money's worth, level by level; what is beyond the last one costs as that."""
    left, quantity, price = notional, ZERO, levels[0][0]
    for price, size in levels:
        taken = min(left, price * size)
        left, quantity = left - taken, quantity + taken / price
        if not left:
            return notional / quantity if quantity else price
    return notional / (quantity + left / price) if notional else price


__all__ = ["BestExchange", "Fee", "average", "place_of"]
