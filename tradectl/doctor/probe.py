"""What an exchange says when it is asked, all at once and each question with an end to it.

Asking comes first and judging after: what is found here are plain answers, an error being an answer like
any other, so that each finding is a function of them. Only the dead-man switch is tried by using it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from tradectl.bus.clock import ComputerClock
from tradectl.config.settings import Settings
from tradectl.domain.errors import ExchangeError, NotExecuted, TradectlError, VenueRefusal
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import ZERO
from tradectl.domain.orders import TAG_LENGTH, order_tag
from tradectl.domain.time import HOUR, SECOND
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.holdings import Holdings
from tradectl.exchange.live.other_bots import senders_of
from tradectl.exchange.tasks import Work, run_together
from tradectl.exchange.venue import Channel, MarketInfo, Permissions, Venue, VenueOrder
from tradectl.state.account import Account

T = TypeVar("T")

ASK_S = 5.0
LOOK_BACK = HOUR
DEAD_MAN_S = 1.5
LATE_NS = 250_000_000
"""From here on a difference of the clocks is looked at again: a slow answer looks like one."""
LOOKS = 3
PAUSE_S = 0.2
ENDING_S = 1.0


@dataclass
class ReceivedData:
    """Of each symbol: the last price, and how old (s) the newest data was when it came; None where the
    data does not say. `errors` are what streaming ran into."""

    ages: dict[str, float | None] = field(default_factory=dict)
    prices: dict[str, Decimal] = field(default_factory=dict)
    errors: list[TradectlError] = field(default_factory=list)


@dataclass
class ProbeResult:
    """Of one exchange. `symbols` are those listened to, `traded` those that orders may be about; `books`
    is our live account, where there is one."""

    venue: Venue
    settings: Settings
    exchange: ExchangeSettings
    symbols: tuple[str, ...]
    traded: tuple[str, ...]
    private: bool
    books: Account | None = None
    clock: int | TradectlError = 0
    instruments: dict[str, Instrument | TradectlError] = field(default_factory=dict)
    markets: Mapping[str, MarketInfo] = field(default_factory=dict)
    prices: dict[str, Decimal | TradectlError] = field(default_factory=dict)
    data: ReceivedData = field(default_factory=ReceivedData)
    holdings: Holdings | TradectlError = field(default_factory=lambda: Holdings({}))
    orders: Sequence[VenueOrder] | TradectlError = ()
    traded_lately: Sequence[str] = ()
    """the client order ids behind the newest fills, as far as they can be told"""
    permissions: Permissions | TradectlError = field(default_factory=Permissions)
    dead_man: TradectlError | str = ""
    """what trying it gave: nothing, why it was not tried, or what went wrong"""

    @property
    def name(self) -> str:
        return self.exchange.prefix

    def instrument(self, symbol: str) -> Instrument | None:
        found = self.instruments.get(symbol)
        return found if isinstance(found, Instrument) else None

    def price(self, symbol: str) -> Decimal | None:
        """Asked for, or received."""
        found = self.prices.get(symbol)
        return found if isinstance(found, Decimal) else self.data.prices.get(symbol)

    def there(self, symbol: str) -> Decimal:
        """What the account holds of it: the position, or the coins."""
        instrument = self.instrument(symbol)
        if instrument is None or not isinstance(self.holdings, Holdings):
            return ZERO
        return self.holdings.of(instrument)

    def ours(self, symbol: str) -> Decimal:
        position = self.books.positions.get(symbol) if self.books is not None else None
        return position.quantity if position is not None else ZERO

    def is_ours(self, client_order_id: str) -> bool:
        return self.books is not None and client_order_id[:TAG_LENGTH] == order_tag(
            self.books.account_id
        )


async def asked(
    question: Callable[[], Awaitable[T]], seconds: float | None = None
) -> T | TradectlError:
    """The answer, or the error that came instead of it; within ASK_S unless told otherwise."""
    seconds = ASK_S if seconds is None else seconds
    try:
        async with asyncio.timeout(seconds):
            return await question()
    except TimeoutError:
        return NotExecuted(f"no answer within {seconds:g} s")
    except TradectlError as error:
        return error


async def probe(result: ProbeResult, *, alone: bool, listen_s: float) -> None:
    """Ask everything, and put the answers into `result`. `alone`: no other process trades here."""
    _look_up(result)
    known = [symbol for symbol in result.symbols if result.instrument(symbol) is not None]
    parts: list[Work] = [
        _ask_clock(result),
        *(_ask_price(result, symbol) for symbol in known),
        _receive_data(result, known, listen_s),
    ]
    if result.private:
        parts += [_ask_account(result), _try_dead_man(result, alone=alone)]
    await run_together(*parts)


def _look_up(result: ProbeResult) -> None:
    """The rules, which the venue knows since it was opened."""
    for symbol in result.symbols:
        try:
            result.instruments[symbol] = result.venue.instrument(symbol)
        except TradectlError as error:
            result.instruments[symbol] = error
    result.markets = {info.symbol: info for info in result.venue.markets()}


async def _ask_clock(result: ProbeResult) -> None:
    """The least of a few: a slow answer makes a difference where there is none, never hides one."""
    for look in range(LOOKS):
        found = await asked(result.venue.clock_offset, ASK_S / LOOKS)
        if look == 0 or (isinstance(found, int) and _is_nearer(found, result.clock)):
            result.clock = found
        if isinstance(found, VenueRefusal) or (isinstance(found, int) and abs(found) <= LATE_NS):
            return


def _is_nearer(found: int, before: int | TradectlError) -> bool:
    return not isinstance(before, int) or abs(found) < abs(before)


async def _ask_price(result: ProbeResult, symbol: str) -> None:
    found = await asked(partial(result.venue.quote, symbol))
    result.prices[symbol] = found if isinstance(found, TradectlError) else found.price


async def _receive_data(result: ProbeResult, symbols: Sequence[str], listen_s: float) -> None:
    if symbols:
        result.data = await receive(result.venue, symbols, result.exchange.channels, listen_s)


async def _ask_account(result: ProbeResult) -> None:
    result.holdings, result.permissions, _ = await asyncio.gather(
        asked(result.venue.holdings), asked(result.venue.permissions), _look_back(result)
    )


async def _look_back(result: ProbeResult) -> None:
    """Whose the newest fills are; what cannot be asked is not known."""
    since = ComputerClock.wall() - LOOK_BACK
    for symbol in result.traded:
        fills = await asked(partial(result.venue.fills, symbol, since))
        if not isinstance(fills, TradectlError):
            found = await asked(partial(senders_of, result.venue, fills))
            if not isinstance(found, TradectlError):
                result.traded_lately = [*result.traded_lately, *found]


async def _try_dead_man(result: ProbeResult, *, alone: bool) -> None:
    """Ask for the open orders, and arm the switch and disarm it again where it could touch none."""
    result.orders = await asked(result.venue.open_orders)
    if not result.exchange.dead_man_seconds or not result.venue.abilities.dead_man:
        return
    if isinstance(result.orders, TradectlError):
        result.dead_man = "not tried: nobody can say which orders are open"
    elif any(order.symbol in result.traded for order in result.orders):
        result.dead_man = "not tried: there are open orders that it could cancel"
    elif not alone:
        result.dead_man = "not tried: `status` tells where the process that is running has it armed"
    else:
        found = await asked(partial(_arm_and_disarm, result), 2 * DEAD_MAN_S)
        result.dead_man = found if isinstance(found, TradectlError) else ""


async def _arm_and_disarm(result: ProbeResult) -> None:
    try:
        async with asyncio.timeout(DEAD_MAN_S):
            await result.venue.arm_dead_man(result.traded, result.exchange.dead_man_seconds)
    except BaseException:  # a cancel, too, and it is raised again
        # it may be armed all the same; where it cannot be disarmed either it runs out over nothing
        with contextlib.suppress(ExchangeError, TimeoutError):
            async with asyncio.timeout(DEAD_MAN_S / 2):
                await result.venue.arm_dead_man(result.traded, 0)
        raise
    await result.venue.arm_dead_man(result.traded, 0)


async def receive(
    venue: Venue,
    symbols: Sequence[str],
    channels: Sequence[str],
    seconds: float,
    now: Callable[[], int] = ComputerClock.wall,
) -> ReceivedData:
    """Until every symbol brought something on any channel, or `seconds` are over."""
    received = ReceivedData()
    complete = asyncio.Event()

    def take(events: Sequence[MarketDataEvent]) -> None:
        for event in events:
            if event.symbol in symbols:
                _note(received, event, now())
        if len(received.ages) == len(set(symbols)):
            complete.set()

    tasks = [
        asyncio.ensure_future(_stream(venue, Channel(channel), symbols, take, received))
        for channel in channels
    ]
    enough = asyncio.ensure_future(complete.wait())
    given_up = asyncio.ensure_future(asyncio.wait(tasks))
    ends: list[asyncio.Future[Any]] = [enough, given_up]
    try:
        await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*ends, *tasks):
            task.cancel()
        await asyncio.wait([*ends, *tasks], timeout=ENDING_S)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.result()  # a fault of ours, if it raises
    return received


def _note(received: ReceivedData, event: MarketDataEvent, now: int) -> None:
    age = (now - event.ts) / SECOND if event.ts else None
    before = received.ages.get(event.symbol)
    if event.symbol not in received.ages or before is None or (age is not None and age < before):
        received.ages[event.symbol] = age if age is not None else before
    received.prices[event.symbol] = event.price


async def _stream(
    venue: Venue,
    channel: Channel,
    symbols: Sequence[str],
    take: Callable[[Sequence[MarketDataEvent]], None],
    received: ReceivedData,
) -> None:
    """Again and again while the connection is lost; any other refusal is final."""
    while True:
        try:
            await venue.stream(channel, symbols, take)
        except NotExecuted as error:
            received.errors.append(error)
        except TradectlError as error:
            received.errors.append(error)
            return
        await asyncio.sleep(PAUSE_S)


__all__ = ["ProbeResult", "asked", "probe"]
