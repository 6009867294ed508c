"""A venue: one account at one exchange over a network, in the terms of this code.

What speaks to a real exchange implements `Venue`: it asks and answers, and decides nothing. Symbols
are those of our configuration, quantities are coins, money is `Decimal`, times are ns UTC, and what
went wrong is one of the four errors that `domain.errors` draws under `ExchangeError`. What is done about
an answer, and above all about none, is the live exchange's affair (`exchange.live`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from tradectl.domain.errors import AccessLost
from tradectl.domain.events import CloseCause, IncomeKind, Liquidity, MarketDataEvent
from tradectl.domain.instruments import Instrument
from tradectl.domain.market_events import BarEvent
from tradectl.domain.money import ZERO, Side
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType
from tradectl.domain.time import DAY, HOUR, MINUTE
from tradectl.exchange.call_health import CallHealth
from tradectl.exchange.holdings import Holdings, PositionSide

PERIODS = (DAY, HOUR, MINUTE)
"""Of the candles that every venue has, in ns."""
PATIENCE: ContextVar[float | None] = ContextVar("patience", default=None)
"""The longest (s) that a call waits for the rate limit; None for as long as for an answer."""


@contextmanager
def waiting(seconds: float) -> Iterator[None]:
    """What is asked in here waits for the rate limit for up to so many seconds: somebody who has the time
    waits for the answer. An order does not: it is no longer the order that was meant."""
    token = PATIENCE.set(seconds)
    try:
        yield
    finally:
        PATIENCE.reset(token)


class Channel(StrEnum):
    """What can be streamed of a symbol's market."""

    TRADES = "trades"
    QUOTES = "quotes"
    BOOK = "book"


OrderKey = tuple[str, str]
"""Symbol and venue order id: an exchange may number the orders of each market by themselves."""


class VenueFill(Struct, frozen=True):
    """A fill as the venue reports it. `fee` is what was paid, in `fee_currency`.

    `client_order_id` is empty where the venue names its own order id only. `forced` is why the venue
    traded by itself, where it says so, and `position_side` of which position, in hedge mode.
    """

    symbol: str
    trade_id: str
    venue_order_id: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal = ZERO
    fee_currency: str = ""
    liquidity: Liquidity = Liquidity.TAKER
    client_order_id: str = ""
    ts: int = 0
    forced: CloseCause | None = None
    position_side: PositionSide | None = None

    @property
    def order_key(self) -> OrderKey:
        return self.symbol, self.venue_order_id


class VenueOrder(Struct, frozen=True):
    """An order as the venue reports it, ours or not.

    `status` is ACCEPTED, PARTIALLY_FILLED, FILLED, CANCELED, REJECTED or EXPIRED. `fills` are those
    that the answer itself names; there may be others. `reason` is why the venue did not take it, or
    cancelled it: empty where its owner did. `forced` is why it is the venue's own, and `position_side` of
    which position it is, in hedge mode.
    """

    symbol: str
    venue_order_id: str
    client_order_id: str
    side: Side
    status: OrderStatus
    quantity: Decimal
    filled: Decimal = ZERO
    type: OrderType = OrderType.LIMIT
    price: Decimal | None = None
    stop_price: Decimal | None = None
    reduce_only: bool = False
    reason: str = ""
    fills: tuple[VenueFill, ...] = ()
    ts: int = 0
    forced: CloseCause | None = None
    position_side: PositionSide | None = None

    @property
    def order_key(self) -> OrderKey:
        return self.symbol, self.venue_order_id


class TakenUnseen(AccessLost):
    """The venue took an order, and then would not say what became of it. `order` is accepted."""

    def __init__(self, message: str, order: VenueOrder) -> None:
        super().__init__(message)
        self.order = order


class VenueIncome(Struct, frozen=True):
    """Money that the venue moved by itself. `income_id` tells it from every other row; `kind` is None
    where it is none that we know, and `told` is what the venue calls it. `symbol` is the venue's own
    name where we do not trade it, and empty where it concerns none."""

    income_id: str
    kind: IncomeKind | None
    amount: Decimal
    currency: str
    ts: int
    symbol: str = ""
    told: str = ""


class MoneyMoved(Struct, frozen=True):
    """The venue says that the account's money moved without a fill, and that is all."""

    reason: str


class PositionSideSeen(Struct, frozen=True):
    """The venue told of a long or a short position beside another one, where one-way mode is known: its
    mode is to be asked for."""


class MarketInfo(Struct, frozen=True):
    """A market as `tradectl markets` shows it. `supported` is False for what we cannot trade."""

    symbol: str
    unified: str
    instrument: Instrument | None
    active: bool
    supported: bool
    note: str = ""


class Abilities(Struct, frozen=True):
    """What a venue offers beyond asking it again and again."""

    channels: tuple[Channel, ...] = ()
    """those that it pushes; the others are polled"""
    user_stream: bool = False
    order_stream: bool = False
    """it tells of every step of an order, not of fills alone"""
    fill_stream: bool = False
    """it tells fills with what they cost"""
    dead_man: bool = False
    stop_orders: bool = False
    income: bool = False
    """it tells what it moved money for by itself"""
    rate: float = 0.0
    """requests of weight 1 that it allows a second, 0 where that is not known"""


class Permissions(Struct, frozen=True):
    """What a key may do; None where the venue does not say."""

    trade: bool | None = None
    withdraw: bool | None = None


Deliver = Callable[[Sequence[MarketDataEvent]], None]
VenueReport = VenueOrder | VenueFill
Told = VenueReport | MoneyMoved | PositionSideSeen
OnVenueReports = Callable[[Sequence[Told]], None]


class Venue(Protocol):
    """Every call may raise an `ExchangeError`; none is retried here, and none blocks the loop.

    A write (`submit`, `cancel`, `arm_dead_man`) whose outcome cannot be known raises `OutcomeUnknown`,
    whatever the reason; so does one that is cancelled after it may have been sent.
    """

    name: str
    """what its symbols are prefixed with, `name:SYMBOL`, where several venues are used"""
    calls: CallHealth
    """what became of each request that left"""

    @property
    def abilities(self) -> Abilities: ...

    async def open(self) -> None:
        """Connect and learn the markets. Raises AccessLost for credentials that are refused."""
        ...

    async def close(self) -> None:
        """Bounded in time, and safe to call twice."""
        ...

    # --- rules ------------------------------------------------------------------------------------

    def instrument(self, symbol: str) -> Instrument:
        """Steps and limits; its `symbol` is the one given. Raises UsageError, naming near ones."""
        ...

    def markets(self) -> list[MarketInfo]: ...

    async def reload_rules(self) -> None:
        """Read steps and limits of all markets anew."""
        ...

    def not_traded(self, symbol: str) -> str:
        """Why the symbol takes no orders, or soon will not, by what was read last: a predicate like `is
        closed`. Empty where it is traded."""
        ...

    @property
    def hedged(self) -> frozenset[str]:
        """Symbols of which the account holds long and short positions beside each other, as it told last.
        Orders that reduce name the position's side there; others are refused before they are sent."""
        ...

    async def ask_position_mode(self, symbols: Sequence[str]) -> None:
        """Whether `symbols` are `hedged`, in a bounded number of requests: where each has a mode of its
        own, some of them at a time."""
        ...

    # --- orders -----------------------------------------------------------------------------------

    async def submit(
        self,
        spec: OrderSpec,
        client_order_id: str,
        pre_send_check: Callable[[], None] = lambda: None,
    ) -> VenueOrder:
        """Send an order, once. `pre_send_check` is asked in the last moment, after any wait for the
        rate limit: what it raises is raised, and nothing was sent. Raises VenueRefusal, NotExecuted,
        OutcomeUnknown, AccessLost: nothing rests then, but for TakenUnseen."""
        ...

    async def cancel(
        self, symbol: str, client_order_id: str, venue_order_id: str
    ) -> VenueOrder | None:
        """The order after it; None where the venue says that no such order is open."""
        ...

    async def find(
        self, symbol: str, client_order_id: str, venue_order_id: str
    ) -> VenueOrder | None:
        """The order as the venue knows it, open or over; None where it does not know it."""
        ...

    async def open_orders(self, symbols: Sequence[str] = ()) -> list[VenueOrder]:
        """All that are open, of anybody, stops included; of the whole account without `symbols`."""
        ...

    async def fills(self, symbol: str, since: int) -> list[VenueFill]:
        """The account's fills in `symbol` from `since` (ns) on, oldest first; all of them, by pages."""
        ...

    async def income(self, since: int, until: int) -> list[VenueIncome]:
        """What it moved money for by itself from `since` to `until` (ns), oldest first, all of it by
        pages; fills and their fees are not among it. Raises VenueRefusal where it does not tell."""
        ...

    async def holdings(self) -> Holdings: ...

    async def arm_dead_man(self, symbols: Sequence[str], seconds: float) -> None:
        """Have the venue cancel every order of `symbols` after so many seconds unless armed again;
        0 disarms. Raises UsageError for more than 0 and less than 1 second."""
        ...

    async def stream_account(self, on_reports: OnVenueReports) -> None:
        """Hand over what happens to the account's orders, until the connection is lost: raises
        NotExecuted then, and ends when cancelled. Returns only for a venue without a user stream."""
        ...

    # --- the account and the clock -----------------------------------------------------------------

    async def permissions(self) -> Permissions: ...

    async def clock_offset(self) -> int:
        """The venue's time less this machine's, ns, the way there and back taken into account. Raises
        VenueRefusal where it does not tell its time."""
        ...

    async def time(self) -> int:
        """The venue's time, ns UTC: what it dates rows by, whatever clock we go by. Raises VenueRefusal
        where it does not tell."""
        ...

    # --- market data ------------------------------------------------------------------------------

    async def stream(self, channel: Channel, symbols: Sequence[str], deliver: Deliver) -> None:
        """Hand over market data until the connection is lost (NotExecuted) or the call is cancelled.

        A book that lost a step or is crossed raises NotExecuted too: asked again it begins with a whole
        one.
        """
        ...

    async def recent_trades(self, symbol: str, since: int) -> list[MarketDataEvent]:
        """Trades from `since` (ns) on, oldest first, as far back as the venue goes."""
        ...

    async def candles(self, symbol: str, period: int, since: int) -> list[BarEvent]:
        """A page of the candles of `period` ns (one of PERIODS) that opened at `since` (ns) or later and
        have closed, oldest first. Raises VenueRefusal where it tells of none."""
        ...

    async def quote(self, symbol: str) -> MarketDataEvent:
        """Best bid and ask, now."""
        ...

    async def price_of(self, currency: str, quote: str) -> Decimal | None:
        """What one `currency` costs in `quote` now; None where no market has a price."""
        ...


__all__ = [
    "PATIENCE",
    "PERIODS",
    "Abilities",
    "Channel",
    "Deliver",
    "MarketInfo",
    "MoneyMoved",
    "OnVenueReports",
    "Permissions",
    "PositionSideSeen",
    "TakenUnseen",
    "Told",
    "Venue",
    "VenueFill",
    "VenueIncome",
    "VenueOrder",
    "VenueReport",
    "waiting",
]
