"""What a market tells: trades, quotes, the top of its book, candles."""

from decimal import Decimal
from typing import ClassVar

from tradectl.domain.event import Event, EventPriority, EventType
from tradectl.domain.money import ZERO, Side


class MarketDataEvent(Event, frozen=True, gc=False, kw_only=True):
    """A trade, or any tick with a price. `side` is the taker's; `ts` the exchange's time, ns UTC.

    `trade_id` is the exchange's own number of a trade, where it was heard live.
    """

    event_type: ClassVar[EventType] = EventType.MARKET_DATA
    priority: ClassVar[EventPriority] = EventPriority.MARKET_DATA

    symbol: str
    price: Decimal
    volume: Decimal
    bid: Decimal | None = None
    ask: Decimal | None = None
    side: Side | None = None
    ts: int = 0
    trade_id: str = ""


class QuoteEvent(MarketDataEvent, frozen=True, gc=False, kw_only=True):
    """Best bid and ask with the sizes behind them; `price` is the middle, `volume` zero."""

    volume: Decimal = ZERO
    bid_size: Decimal = ZERO
    ask_size: Decimal = ZERO


Level = tuple[Decimal, Decimal]
"""A price of an order book, and the quantity that waits there."""


class BookEvent(QuoteEvent, frozen=True, gc=False, kw_only=True):
    """The top of an order book, best price first on both sides."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class BarEvent(MarketDataEvent, frozen=True, gc=False, kw_only=True):
    """A finished candle of `interval` ns. `price` is the close and `ts` the moment it closed."""

    open: Decimal
    high: Decimal
    low: Decimal
    interval: int


class BarOpened(MarketDataEvent, frozen=True, gc=False, kw_only=True):
    """A candle of recorded data opens: `price` is its open and `ts` the moment. `volume` is what was
    traded until it closed, which bounds what can be had of it; a strategy does not hear of it."""
