"""An exchange that a test arranges to be well or ill, and settings that trade on it.

Every answer of `PatientVenue` is an attribute: set it to an error and the question raises it, to `NEVER`
and the question is never answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.fake_venue import SilentVenue
from tradectl.config.settings import Settings
from tradectl.doctor.examination import Finding, Verdict, examine
from tradectl.domain.errors import UsageError, VenueRefusal
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.instruments import Instrument, InstrumentKind
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus
from tradectl.domain.time import SECOND
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.venue import (
    Abilities,
    Channel,
    Deliver,
    Holdings,
    MarketInfo,
    Permissions,
    Told,
    VenueOrder,
)
from tradectl.runtime import exchanges as venues_room
from tradectl.runtime.exchanges import Venues
from tradectl.state.directory import StateDir

NEVER = "never"
LISTEN_S = 0.05
PRICE = Decimal(50_000)
SPOT = Instrument("BTCUSDT", "USDT", Decimal("0.01"), Decimal("0.00001"), Decimal(5), base="BTC")
PERP = Instrument(
    "BTCUSDT",
    "USDT",
    Decimal("0.1"),
    Decimal("0.001"),
    Decimal(100),
    InstrumentKind.PERPETUAL,
    Decimal(20),
    "BTC",
)
ALL = Abilities(tuple(Channel), user_stream=True, dead_man=True, stop_orders=True, rate=20.0)


def event(symbol: str = "BTCUSDT", age: float = 0.0, price: Decimal = PRICE) -> MarketDataEvent:
    ts = time.time_ns() - int(age * SECOND)
    return MarketDataEvent(symbol=symbol, price=price, volume=Decimal(1), ts=ts)


def order(symbol: str = "BTCUSDT", client_order_id: str = "somebody") -> VenueOrder:
    return VenueOrder(symbol, "7", client_order_id, Side.BUY, OrderStatus.ACCEPTED, Decimal("0.1"))


@dataclass
class PatientVenue(SilentVenue):
    name: str = "binance"
    abilities: Abilities = ALL
    opening: Any = None
    rules: dict[str, Instrument | Exception] = field(default_factory=lambda: {"BTCUSDT": SPOT})
    listed: list[MarketInfo] = field(default_factory=list)
    offset: Any = 0
    price: Any = PRICE
    held: Any = field(default_factory=lambda: Holdings({"USDT": Decimal(10_000)}))
    orders: Any = ()
    may: Any = field(default_factory=lambda: Permissions(trade=True, withdraw=False))
    arming: Any = None
    disarming: Any = None
    news: Any = field(default_factory=lambda: [event()])
    armed: list[float] = field(default_factory=list)
    touched: asyncio.Event = field(default_factory=asyncio.Event)
    closed: int = 0

    async def open(self) -> None:
        await _answer(self.opening)

    def instrument(self, symbol: str) -> Instrument:
        found = self.rules.get(symbol) or UsageError(f"unknown symbol {symbol!r}")
        if isinstance(found, Exception):
            raise found
        return found

    def markets(self) -> list[MarketInfo]:
        return self.listed

    async def submit(
        self,
        spec: OrderSpec,
        client_order_id: str,
        pre_send_check: Callable[[], None] = lambda: None,
    ) -> VenueOrder:
        raise AssertionError("a doctor makes no orders")

    async def cancel(
        self, symbol: str, client_order_id: str, venue_order_id: str
    ) -> VenueOrder | None:
        raise AssertionError("a doctor cancels no orders")

    async def open_orders(self, symbols: Sequence[str] = ()) -> list[VenueOrder]:
        return list(await _answer(self.orders))

    async def holdings(self) -> Holdings:
        found: Holdings = await _answer(self.held)
        return found

    async def arm_dead_man(self, symbols: Sequence[str], seconds: float) -> None:
        self.armed.append(seconds)
        self.touched.set()
        await _answer(self.arming if seconds else self.disarming)

    async def listen(self, told: Told) -> None:
        raise AssertionError("a doctor does not listen to the account")

    async def permissions(self) -> Permissions:
        found: Permissions = await _answer(self.may)
        return found

    async def clock_offset(self) -> int:
        found = self.offset.pop(0) if isinstance(self.offset, list) else self.offset
        return int(await _answer(found))

    async def stream(self, channel: Channel, symbols: Sequence[str], deliver: Deliver) -> None:
        news = self.news.get(channel, []) if isinstance(self.news, Mapping) else self.news
        deliver(await _answer(news))
        await asyncio.Event().wait()

    async def quote(self, symbol: str) -> MarketDataEvent:
        return event(symbol, price=await _answer(self.price))


async def _answer(value: Any) -> Any:
    if value is NEVER:
        await asyncio.Event().wait()
    if isinstance(value, Exception):
        raise value
    return value


@dataclass
class DoctorDesk:
    """`venue` is what stands behind the first exchange of `settings`."""

    folder: Path
    settings: Settings
    venue: PatientVenue = field(default_factory=PatientVenue)
    private: bool = True

    @property
    def state_dir(self) -> StateDir:
        return StateDir(self.folder / "state")

    def set(self, **changes: Any) -> None:
        self.settings = msgspec.structs.replace(self.settings, **changes)

    def exchange(self, **changes: Any) -> None:
        first = msgspec.structs.replace(self.settings.exchanges[0], **changes)
        self.set(exchanges=(first, *self.settings.exchanges[1:]))

    def portfolio(self, **changes: Any) -> None:
        self.set(portfolio=msgspec.structs.replace(self.settings.portfolio, **changes))

    def risk(self, **changes: Any) -> None:
        self.set(risk=msgspec.structs.replace(self.settings.risk, **changes))

    def perpetual(self) -> None:
        self.venue.rules["BTCUSDT"] = PERP

    def venues(self) -> Venues:
        with stands_in({self.settings.exchanges[0].prefix: self.venue}):
            return Venues(self.settings, self.settings.symbols, private=self.private)

    async def findings(self, listen_s: float = LISTEN_S) -> dict[str, Finding]:
        """By check, without the exchange's name before it."""
        found = await examine(
            self.settings, self.venues(), self.state_dir, private=self.private, listen_s=listen_s
        )
        return {finding.check.removeprefix("binance: "): finding for finding in found}


@contextmanager
def stands_in(by_name: Mapping[str, PatientVenue | Exception]) -> Iterator[None]:
    """These are the exchanges that are made while the block lasts."""

    def make(settings: ExchangeSettings, symbols: object, *, private: bool) -> PatientVenue:
        made = by_name[settings.prefix]
        if isinstance(made, Exception):
            if private:
                raise made
            return PatientVenue(settings.prefix)
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(venues_room, "make_venue", make)
        yield


def desk_in(folder: Path, mode: str = "live") -> DoctorDesk:
    settings = Settings(
        mode="live" if mode == "live" else "paper",
        symbols=("BTCUSDT",),
        exchanges=(ExchangeSettings(id="binance"),),
    )
    return DoctorDesk(folder, settings, private=mode == "live")


NO_TIME = VenueRefusal("binance does not tell its time")
__all__ = [
    "ALL", "LISTEN_S", "NEVER", "NO_TIME", "PERP", "PRICE", "SPOT", "DoctorDesk", "PatientVenue",
    "Verdict", "desk_in", "event", "order", "stands_in",
]  # fmt: skip
