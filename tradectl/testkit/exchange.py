"""The loopback exchange as a test holds it.

    async with LoopbackExchange(seed=1) as exchange:
        client = point_at(ccxt.pro.binance(...), exchange.url)
        exchange.quote("BTCUSDT", "59990", "60010", "2")
        exchange.misbehave("no-reply", method="POST", path="order")
        ...
        assert exchange.truth.accepted("my-id") == 1

All calls but the awaited ones take effect at once, on the loop that the exchange runs on.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Protocol, Self

from tradectl.testkit.accounts import Account, Fees, FuturesLedger, SpotLedger
from tradectl.testkit.broadcast import Broadcast
from tradectl.testkit.controls import FaultControls, MarketControls, OutsideControls
from tradectl.testkit.engine import FIRST_ID, Engine
from tradectl.testkit.exchange_acts import ExchangeActs
from tradectl.testkit.faults import Faults
from tradectl.testkit.market_maker import MarketMaker
from tradectl.testkit.sessions import SessionControls, Sessions
from tradectl.testkit.sockets import Hub
from tradectl.testkit.symbols import FUTURES, LISTED, SPOT, Rules
from tradectl.testkit.truth import MAIN, Truth
from tradectl.testkit.wire import Recording, expect, replay_wire

KEY = "loopbackkey" + "0" * 53
SECRET = "loopbacksecret" + "0" * 50
START = Decimal(100_000)

Number = Decimal | str | int


class Door(Protocol):
    """Where requests come in."""

    async def start(self, port: int) -> int: ...

    async def stop(self) -> None: ...


class Dialect(Protocol):
    """Another exchange's language: its `server` is the door that speaks it."""

    def server(self, exchange: LoopbackExchange) -> Door: ...


class LoopbackExchange(
    MarketControls, FaultControls, OutsideControls, ExchangeActs, SessionControls
):
    """`port` 0 takes a free one. `weight_limit` is the request weight a minute before 429; 0: none.
    With a `dialect` it speaks like another exchange."""

    def __init__(
        self,
        seed: int = 0,
        *,
        port: int = 0,
        usdt: Number = START,
        listed: Iterable[Rules] = LISTED,
        fees: Fees | None = None,
        weight_limit: int = 0,
        dialect: Dialect | None = None,
    ) -> None:
        self.dialect = dialect
        self.seed = seed
        self.port = port
        self.key, self.secret = KEY, SECRET
        self.fees = fees or Fees()
        self.weight_limit = weight_limit
        self.clock_offset_ns = 0
        self.truth = Truth()
        self.faults = Faults(seed)
        self.hub = Hub(self.faults, self.truth.note)
        self.accounts: dict[str, Account] = {}
        self.sessions = Sessions(self.hub, self.now_ms, self.accounts)
        self.recorded: dict[str, Recording] = {}
        self._newest_ms = 0
        self._broadcast = Broadcast(
            self.hub, self.truth, self.accounts, self.now_ms, self.ledger_ms
        )
        self._ids = itertools.count(FIRST_ID)
        self.engines = self._broadcast.engines
        for market in (SPOT, FUTURES):
            rules = {r.symbol: r for r in listed if r.market == market}
            self.engines[market] = Engine(rules, self.accounts, self.now_ms, self._broadcast)
        self.market_makers = {m: MarketMaker(engine, seed) for m, engine in self.engines.items()}
        self.add_account(MAIN, KEY, SECRET, usdt)
        self._countdowns: dict[tuple[str, str], asyncio.TimerHandle] = {}

    # --- running ------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        from tradectl.testkit.server import Server

        self._newest_ms = 0  # it may have been made by another clock
        self._server: Door = Server(self) if self.dialect is None else self.dialect.server(self)
        self.port = await self._server.start(self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop_walking()
        self.stop_funding()
        self.sessions.end()
        for timer in self._countdowns.values():
            timer.cancel()
        self.hub.cut()
        await self._server.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def door(self) -> Door:
        """Where it is asked; of one that is open."""
        return self._server

    def unanswered(self) -> list[str]:
        """Requests that nobody wrote an answer for."""
        return list(getattr(self._server, "unknown", []))

    def now_ns(self) -> int:
        return time.time_ns() + self.clock_offset_ns

    def now_ms(self) -> int:
        now = self.now_ns() // 1_000_000
        self._newest_ms = max(self._newest_ms, now)
        return now

    def ledger_ms(self) -> int:
        """The time of a row in a history of money: it never goes back."""
        self.now_ms()
        return self._newest_ms

    def skew_clock(self, seconds: float) -> None:
        """The exchange's clock is so much ahead of ours from now on (behind, below zero)."""
        self.clock_offset_ns = int(seconds * 1_000_000_000)

    async def until(self, done: Callable[[], object], seconds: float = 60.0) -> None:
        """Wait until `done()` is true. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not done():  # noqa: ASYNC110  what is waited for has no event of its own
                await asyncio.sleep(0.005)

    def add_account(self, name: str, key: str, secret: str, usdt: Number = START) -> Account:
        engine = self.engines[SPOT]
        account = Account(
            name,
            key,
            secret,
            SpotLedger({"USDT": Decimal(usdt)}, self.fees, lambda symbol: engine.last[symbol]),
            FuturesLedger(Decimal(usdt), self.fees),
        )
        self.accounts[name] = account
        return account

    def behave(self) -> None:
        """Take back every fault, and open every door."""
        super().behave()
        self.sessions.open_doors()

    def expect_wire(self, path: str | Path) -> None:
        """Subscribe to the symbol of a recorded file after this and before `play_wire`, and not even a
        step of its book is missed."""
        expect(self, Path(path))

    async def play_wire(self, path: str | Path, speed: float | None = None) -> int:
        """Feed a recorded spot file to its subscribers: with its own timing times `speed`, or as fast as
        they take it. Returns the number of messages."""
        return await replay_wire(self, Path(path), speed)

    def record_speaks_for(self, symbol: str, recording: Recording) -> None:
        self.recorded[symbol] = recording
        self._broadcast.recorded.add(symbol)

    # --- asked by requests --------------------------------------------------------------------

    def arm_countdown(self, account: str, symbol: str, ms: int) -> None:
        """Cancel every order of the futures symbol after `ms`, whoever placed it, conditional ones too; 0
        disarms."""
        key = (account, symbol)
        if (timer := self._countdowns.pop(key, None)) is not None:
            timer.cancel()
        self.truth.note("dead-man-armed", account=account, symbol=symbol, ms=ms)
        if ms > 0:
            loop = asyncio.get_running_loop()
            self._countdowns[key] = loop.call_later(ms / 1000, self._count_down, account, symbol)

    def counts_down(self, symbol: str, account: str = MAIN) -> bool:
        return (account, symbol) in self._countdowns

    def count_on(self, seconds: float) -> None:
        """Countdowns, keys and what it denies to know are so much further on: the computer slept on whose
        clock they run here."""
        self.sessions.count_on(seconds)
        for order in self.truth.orders:
            order.hidden_until -= seconds
        loop = asyncio.get_running_loop()
        for key, timer in [*self._countdowns.items()]:
            timer.cancel()
            left = max(timer.when() - loop.time() - seconds, 0.0)
            self._countdowns[key] = loop.call_later(left, self._count_down, *key)

    def _count_down(self, account: str, symbol: str) -> None:
        from tradectl.testkit.trading import cancel_all

        self._countdowns.pop((account, symbol), None)
        engine = self.engines[FUTURES]
        ended = [
            o for algo in (False, True) for o in cancel_all(engine, account, symbol, algo=algo)
        ]
        self.truth.note("dead-man-fired", account=account, symbol=symbol, canceled=len(ended))

    # --- the truth of the account -------------------------------------------------------------

    def balance(self, asset: str, account: str = MAIN) -> Decimal:
        """Free and locked, spot."""
        return self.accounts[account].spot.total(asset)

    def position(self, symbol: str, account: str = MAIN) -> Decimal:
        """Signed, futures."""
        return self.accounts[account].futures.positions[symbol].amount

    def wallet(self, account: str = MAIN) -> Decimal:
        """USDT of the futures account, without what positions would yield."""
        return self.accounts[account].futures.wallet


__all__ = ["KEY", "SECRET", "LoopbackExchange"]
