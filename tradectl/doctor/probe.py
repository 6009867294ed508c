"""What an exchange says when it is asked, all at once and each question with an end to it.

Asking comes first and judging after: what is found here are plain facts, an error being a fact like any
other, so that each judgement is a function of them. Only the dead-man switch is tried by using it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import TypeVar

from tradectl.config.settings import Settings
from tradectl.doctor.stream_probe import Heard, hear
from tradectl.domain.errors import ExchangeError, NotExecuted, TradectlError, VenueRefusal
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import ZERO
from tradectl.domain.orders import TAG_LENGTH, order_tag
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.tasks import Work, run_together
from tradectl.exchange.venue import Holdings, MarketInfo, Permissions, Venue, VenueOrder
from tradectl.state.account import Account

T = TypeVar("T")

ASK_S = 5.0
DEAD_MAN_S = 1.5
LATE_NS = 250_000_000
"""From here on a difference of the clocks is looked at again: a slow answer looks like one."""
LOOKS = 3


@dataclass
class ProbeResult:
    """Of one exchange. `symbols` are those heard, `traded` those that orders may be about; `books` is our
    live account, where there is one."""

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
    data: Heard = field(default_factory=Heard)
    holdings: Holdings | TradectlError = field(default_factory=lambda: Holdings({}))
    orders: Sequence[VenueOrder] | TradectlError = ()
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
        """Asked for, or heard."""
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

    def is_ours(self, order: VenueOrder) -> bool:
        return self.books is not None and order.client_order_id[:TAG_LENGTH] == order_tag(
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


async def gather(facts: ProbeResult, *, alone: bool, listen_s: float) -> None:
    """Ask everything, and put the answers into `facts`. `alone`: no other process trades here."""
    _look_up(facts)
    known = [symbol for symbol in facts.symbols if facts.instrument(symbol) is not None]
    parts: list[Work] = [
        _ask_clock(facts),
        *(_ask_price(facts, symbol) for symbol in known),
        _hear(facts, known, listen_s),
    ]
    if facts.private:
        parts += [_ask_account(facts), _try_dead_man(facts, alone=alone)]
    await run_together(*parts)


def _look_up(facts: ProbeResult) -> None:
    """The rules, which the venue knows since it was opened."""
    for symbol in facts.symbols:
        try:
            facts.instruments[symbol] = facts.venue.instrument(symbol)
        except TradectlError as error:
            facts.instruments[symbol] = error
    facts.markets = {info.symbol: info for info in facts.venue.markets()}


async def _ask_clock(facts: ProbeResult) -> None:
    """The least of a few: a slow answer makes a difference where there is none, never hides one."""
    for look in range(LOOKS):
        found = await asked(facts.venue.clock_offset, ASK_S / LOOKS)
        if look == 0 or (isinstance(found, int) and _is_nearer(found, facts.clock)):
            facts.clock = found
        if isinstance(found, VenueRefusal) or (isinstance(found, int) and abs(found) <= LATE_NS):
            return


def _is_nearer(found: int, before: int | TradectlError) -> bool:
    return not isinstance(before, int) or abs(found) < abs(before)


async def _ask_price(facts: ProbeResult, symbol: str) -> None:
    found = await asked(partial(facts.venue.quote, symbol))
    facts.prices[symbol] = found if isinstance(found, TradectlError) else found.price


async def _hear(facts: ProbeResult, symbols: Sequence[str], listen_s: float) -> None:
    if symbols:
        facts.data = await hear(facts.venue, symbols, facts.exchange.channels, listen_s)


async def _ask_account(facts: ProbeResult) -> None:
    facts.holdings, facts.permissions = await asyncio.gather(
        asked(facts.venue.holdings), asked(facts.venue.permissions)
    )


async def _try_dead_man(facts: ProbeResult, *, alone: bool) -> None:
    """Ask for the open orders, and arm the switch and disarm it again where it could touch none."""
    facts.orders = await asked(facts.venue.open_orders)
    if not facts.exchange.dead_man_seconds or not facts.venue.abilities.dead_man:
        return
    if isinstance(facts.orders, TradectlError):
        facts.dead_man = "not tried: nobody can say which orders are open"
    elif any(order.symbol in facts.traded for order in facts.orders):
        facts.dead_man = "not tried: there are open orders that it could cancel"
    elif not alone:
        facts.dead_man = "not tried: the process that is running has it armed"
    else:
        found = await asked(partial(_arm_and_disarm, facts), 2 * DEAD_MAN_S)
        facts.dead_man = found if isinstance(found, TradectlError) else ""


async def _arm_and_disarm(facts: ProbeResult) -> None:
    try:
        async with asyncio.timeout(DEAD_MAN_S):
            await facts.venue.arm_dead_man(facts.traded, facts.exchange.dead_man_seconds)
    except BaseException:
        # it may be armed all the same; where it cannot be disarmed either it runs out over nothing
        with contextlib.suppress(ExchangeError, TimeoutError):
            async with asyncio.timeout(DEAD_MAN_S / 2):
                await facts.venue.arm_dead_man(facts.traded, 0)
        raise
    await facts.venue.arm_dead_man(facts.traded, 0)


__all__ = ["ProbeResult", "asked", "gather"]
