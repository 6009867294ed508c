"""One run at two exchanges, each with faults of its own: no order is doubled at either, and once all is
quiet nothing is held back, and the books are what both have.

    TRADECTL_TWO_SEEDS=0,1,2 python -m pytest tests/integration/test_two_exchanges_schedules.py
"""

from __future__ import annotations

import asyncio
import os
from decimal import Decimal
from pathlib import Path
from random import Random

import msgspec
import pytest

from tests.fixtures.live_trader import QUICK, SPOT, Trader, settings_for, trading, verified
from tests.profiles import is_deep, seeds_of_commit
from tests.venues import dialect, spoken
from tests.venues.harness import without_streams
from tradectl.config.settings import Settings
from tradectl.domain.orders import OrderStatus
from tradectl.testkit import Fees, LoopbackExchange

OTHER = f"other:{SPOT}"
CHOSEN = [int(seed) for seed in os.environ.get("TRADECTL_TWO_SEEDS", "").split(",") if seed]
FIXED, DEEP = (0, 1), 60
ACTS, CALM = 20, 5
AT_REST = frozenset({OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED})
NAMES = sorted(
    name for name, kind in spoken() if kind == "spot" and not dialect(name, kind).unified
    and not dialect(name, kind).is_native
)  # fmt: skip
FAULTS = ("reset", "empty", "truncated", "cut", "html", "429", "503", "no-reply")

pytestmark = [pytest.mark.usefixtures("key_environment"), pytest.mark.virtual_time(lasting=3600)]


def seeds() -> list[int]:
    if CHOSEN:
        return CHOSEN
    return [*FIXED, *seeds_of_commit(DEEP)] if is_deep() else list(FIXED)


class Schedule:
    """Orders at either exchange, and faults at either, in an order that the seed decides."""

    def __init__(self, seed: int, there: dict[str, LoopbackExchange], trader: Trader) -> None:
        self.random = Random(f"two exchanges {seed}")
        self.there = there
        self.trader = trader

    async def play(self, acts: int) -> None:
        for _ in range(acts):
            symbol = self.random.choice([*self.there])
            act = self.random.choice(
                (self._order, self._order, self._fault, self._outage, self._move)
            )
            act(symbol)
            await asyncio.sleep(self.random.choice((0.0, 0.1, 0.7)))

    def _order(self, symbol: str) -> None:
        side = self.random.choice((self.trader.buy, self.trader.buy, self.trader.sell))
        price = self.random.choice((None, "59000", "61000"))
        side(self.random.choice(("0.01", "0.02", "0.05")), price, symbol=symbol)

    def _fault(self, symbol: str) -> None:
        method, path = self.random.choice((("POST", "*rder"), ("DELETE", "*rder"), ("GET", "*")))
        placed = self.random.choice((True, False)) if method == "POST" else None
        kind, count = self.random.choice(FAULTS), self.random.choice((1, 1, 3))
        self.there[symbol].misbehave(kind, method=method, path=path, placed=placed, count=count)

    def _outage(self, symbol: str) -> None:
        self.there[symbol].misbehave("503", count=-1)
        asyncio.get_running_loop().call_later(3.0, self.there[symbol].behave)

    def _move(self, symbol: str) -> None:
        self.there[symbol].move(SPOT, Decimal(self.random.randrange(59_500, 60_500)))

    async def quiet(self) -> None:
        """Every fault ends, and all comes to rest."""
        for exchange in self.there.values():
            exchange.behave()
        await self.trader.until(self._settled, 300.0, every=0.1)

    def _settled(self) -> bool:
        books = self.trader.run.books
        live = books.account.reconciliation
        unknown = [o for o in books.working_orders() if o.status not in AT_REST]
        held = [books.restrictions(symbol) for symbol in self.there]
        return not unknown and not any(held) and live is not None and not live.discrepancies


async def priced(trader: Trader, there: dict[str, LoopbackExchange]) -> None:
    await trader.until(lambda: all(trader.run.books.mark(symbol) for symbol in there), every=0.1)


def compared(trader: Trader, there: dict[str, LoopbackExchange]) -> None:
    books = trader.run.books
    for symbol, exchange in there.items():
        assert exchange.truth.duplicates() == [], symbol
        assert books.position(symbol).quantity == exchange.balance("BTC"), symbol
        ours = {order.client_id for order in exchange.truth.ours() if order.open}
        working = [o for o in books.working_orders() if o.spec.symbol == symbol]
        assert ours == {trader.client_id(order.spec.order_id) for order in working}, symbol
    money = books.account.money_at
    assert money["other"] == there[OTHER].balance("USDT")
    assert sum(money.values()) == books.cash == sum(e.balance("USDT") for e in there.values())


def settings_of(first: LoopbackExchange, second: LoopbackExchange, name: str) -> Settings:
    here = msgspec.structs.replace(QUICK, reconcile_seconds=2.0)
    at = msgspec.structs.replace(here, id=name, name="other", url=second.url, poll_seconds=1.0)
    settings = settings_for(first, at=here, symbols=(SPOT, OTHER))
    return msgspec.structs.replace(settings, exchanges=(*settings.exchanges, at))


@pytest.mark.parametrize("seed", seeds())
async def test_two_exchanges_that_fail_by_turns(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = dialect(NAMES[seed % len(NAMES)], "spot")
    for part, value in zip(
        ("API_KEY", "API_SECRET", "PASSPHRASE"), theirs.credentials, strict=True
    ):
        monkeypatch.setenv(f"TRADECTL_OTHER_{part}", value)
    with without_streams(theirs.exchange_id):
        async with (
            LoopbackExchange(seed=seed, fees=Fees(asset="quote")) as first,
            LoopbackExchange(seed=seed + 1, dialect=theirs, fees=Fees(asset="quote")) as second,
        ):
            there = {SPOT: first, OTHER: second}
            settings = settings_of(first, second, theirs.exchange_id)
            for acts in (ACTS, CALM):  # the second run goes on where the first ended
                for exchange in there.values():
                    exchange.move(SPOT, Decimal(60_000))
                async with trading(first, tmp_path, settings=settings, duration=None) as trader:
                    await priced(trader, there)
                    schedule = Schedule(seed, there, trader)
                    await schedule.play(acts)
                    await schedule.quiet()
                    compared(trader, there)
    await verified(tmp_path)
