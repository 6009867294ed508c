"""A venue in memory: market data is what the test pushes, and connections end when it says so.

    venue.push(Channel.TRADES, trade(7))      to whoever listens to trades
    venue.lose(Channel.TRADES)                its connection is lost
    venue.told["BTCUSDT"] = [trade(5), ...]   what it tells when asked for recent trades

Time is the test's: `FakeTime` is the clocks and the sleep that a feed is handed.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal

from tradectl.domain.errors import NotExecuted, UsageError, VenueRefusal
from tradectl.domain.events import BookEvent, MarketDataEvent, QuoteEvent
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import ZERO, Side
from tradectl.domain.orders import OrderSpec
from tradectl.domain.time import SECOND
from tradectl.exchange.venue import (
    Abilities,
    Channel,
    Deliver,
    Holdings,
    MarketInfo,
    Permissions,
    Told,
    Venue,
    VenueFill,
    VenueOrder,
)

START = 1_723_161_255 * SECOND
TURNS = 30
"""Turns of the loop after which everything that can happen at once has happened."""


class FakeTime:
    """Stands still until it is moved: `monotonic` in seconds, `now` in ns UTC."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.offset = 0.0
        self.naps: list[float] = []
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> int:
        return START + int((self.seconds + self.offset) * SECOND)

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.seconds + seconds, sleeper))
        await sleeper

    async def pass_by(self, seconds: float) -> None:
        """Everybody who sleeps wakes up in time."""
        end = self.seconds + seconds
        await turns()
        while due := [(at, s) for at, s in self._sleepers if at <= end and not s.done()]:
            self.seconds = max(self.seconds, min(at for at, _ in due))
            self._wake()
            await turns()
        self.seconds = end
        await turns()

    def jump(self, seconds: float) -> None:
        """The process stands still: nobody has run when it is over."""
        self.seconds += seconds

    async def wake(self) -> None:
        """Whose sleep is over gets to run."""
        self._wake()
        await turns()

    def _wake(self) -> None:
        for at, sleeper in self._sleepers:
            if at <= self.seconds and not sleeper.done():
                sleeper.set_result(None)
        self._sleepers = [(at, s) for at, s in self._sleepers if not s.done()]


async def turns(count: int = TURNS) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class SilentVenue:
    """The whole of `Venue` where nothing happens: no order is taken, nothing is held, nothing is told.
    Fakes say only what is different with them."""

    def __init__(self, name: str = "fake", abilities: Abilities | None = None) -> None:
        self.name = name
        self.abilities = abilities or Abilities()
        self.opened = self.closed = 0

    async def open(self) -> None:
        self.opened += 1

    async def close(self) -> None:
        self.closed += 1

    def instrument(self, symbol: str) -> Instrument:
        if symbol.startswith("NO"):
            raise UsageError(f"{self.name} has no {symbol}")
        return Instrument.guess(symbol)

    def markets(self) -> list[MarketInfo]:
        return []

    async def submit(
        self,
        spec: OrderSpec,
        client_order_id: str,
        pre_send_check: Callable[[], None] = lambda: None,
    ) -> VenueOrder:
        pre_send_check()
        raise VenueRefusal(f"{self.name} takes no orders")

    async def cancel(
        self, symbol: str, client_order_id: str, venue_order_id: str
    ) -> VenueOrder | None:
        return None

    async def find(
        self, symbol: str, client_order_id: str, venue_order_id: str
    ) -> VenueOrder | None:
        return None

    async def open_orders(self, symbols: Sequence[str] = ()) -> list[VenueOrder]:
        return []

    async def fills(self, symbol: str, since: int) -> list[VenueFill]:
        return []

    async def holdings(self) -> Holdings:
        return Holdings({})

    async def arm_dead_man(self, symbols: Sequence[str], seconds: float) -> None:
        pass

    async def listen(self, told: Told) -> None:
        pass

    async def permissions(self) -> Permissions:
        return Permissions()

    async def clock_offset(self) -> int:
        return 0

    async def stream(self, channel: Channel, symbols: Sequence[str], deliver: Deliver) -> None:
        await asyncio.Event().wait()

    async def recent_trades(self, symbol: str, since: int) -> list[MarketDataEvent]:
        return []

    async def quote(self, symbol: str) -> MarketDataEvent:
        return quote(symbol=symbol)

    async def price_of(self, currency: str, quote: str) -> Decimal | None:
        return None


_is_a_venue: Venue = SilentVenue()


class FakeVenue(SilentVenue):
    """`asked` are the questions for recent trades; `refusing` what the next of them raise."""

    def __init__(self, name: str = "fake", pushes: Sequence[Channel] = tuple(Channel)) -> None:
        super().__init__(name, Abilities(channels=tuple(pushes)))
        self.told: dict[str, list[MarketDataEvent]] = defaultdict(list)
        self.asked: list[tuple[str, int]] = []
        self.refusing: list[Exception] = []
        self.listened: list[Channel] = []
        self.page = 1000
        self.on_ask: Callable[[], None] = lambda: None
        self._connections: dict[Channel, tuple[Deliver, asyncio.Future[None]]] = {}

    # --- the test's side ----------------------------------------------------------------------------

    def connected(self, channel: Channel) -> bool:
        return channel in self._connections

    def push(self, channel: Channel, *events: MarketDataEvent) -> None:
        self._connections[channel][0](events)

    def lose(self, channel: Channel, error: Exception | None = None) -> None:
        """The connection ends as it does when the exchange goes away, or with `error`."""
        self._connections[channel][1].set_exception(error or NotExecuted(f"{self.name}: lost"))

    # --- the venue ----------------------------------------------------------------------------------

    async def stream(self, channel: Channel, symbols: Sequence[str], deliver: Deliver) -> None:
        self.listened.append(channel)
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._connections[channel] = deliver, end
        try:
            await end
        finally:
            del self._connections[channel]

    async def recent_trades(self, symbol: str, since: int) -> list[MarketDataEvent]:
        self.asked.append((symbol, since))
        self.on_ask()
        if self.refusing:
            raise self.refusing.pop(0)
        return [t for t in self.told[symbol] if t.ts >= since][: self.page]


# --- what it sends ------------------------------------------------------------------------------------


def trade(
    number: int | str = "",
    price: str = "100",
    *,
    symbol: str = "BTCUSDT",
    ts: int | None = None,
    volume: str = "1",
) -> MarketDataEvent:
    """Trade `number` is made so many milliseconds after the start, unless `ts` (ns) says otherwise."""
    if ts is None:
        ts = START + (number * SECOND // 1000 if isinstance(number, int) else 0)
    return MarketDataEvent(
        symbol=symbol,
        price=Decimal(price),
        volume=Decimal(volume),
        side=Side.BUY,
        ts=ts,
        trade_id=str(number),
    )


def quote(bid: str = "99", ask: str = "101", *, symbol: str = "BTCUSDT", ts: int = 0) -> QuoteEvent:
    low, high = Decimal(bid), Decimal(ask)
    return QuoteEvent(
        symbol=symbol,
        price=(low + high) / 2,
        volume=ZERO,
        bid=low,
        ask=high,
        bid_size=Decimal(1),
        ask_size=Decimal(1),
        ts=ts,
    )


def book(bid: str = "99", ask: str = "101", *, symbol: str = "BTCUSDT", ts: int = 0) -> BookEvent:
    low, high = Decimal(bid), Decimal(ask)
    return BookEvent(
        symbol=symbol,
        price=(low + high) / 2,
        volume=ZERO,
        bid=low,
        ask=high,
        bid_size=Decimal(1),
        ask_size=Decimal(1),
        bids=((low, Decimal(1)), (low - 1, Decimal(2))),
        asks=((high, Decimal(1)), (high + 1, Decimal(2))),
        ts=ts,
    )


__all__ = ["START", "FakeTime", "FakeVenue", "SilentVenue", "book", "quote", "trade", "turns"]
