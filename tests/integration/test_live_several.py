"""Several exchanges at once: each order goes to its own, a strategy may hear one and trade another."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.fixtures.live_trader import KEYS, QUICK, SPOT, Trader, settings_for, trading, verified
from tradectl.config.settings import Settings
from tradectl.domain.events import StrategySignalEvent
from tradectl.exchange.exchange_settings import PaperExchangeSettings, PaperSettings
from tradectl.runtime.run_options import RunOptions
from tradectl.runtime.trade import trade
from tradectl.storage.directory import StateDir
from tradectl.strategy.configured import StrategyInstance
from tradectl.testkit import FOREVER, LoopbackExchange

OTHER = f"other:{SPOT}"

pytestmark = [pytest.mark.usefixtures("key_environment"), pytest.mark.virtual_time]


@pytest.fixture(autouse=True)
def other_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in KEYS.items():
        monkeypatch.setenv(name.replace("BINANCE", "OTHER"), text)


def both(
    first: LoopbackExchange, second: LoopbackExchange, *strategies: StrategyInstance
) -> Settings:
    """The first exchange under its own name, the second as `other`."""
    at = msgspec.structs.replace(QUICK, name="other", url=second.url)
    settings = settings_for(first, symbols=(SPOT, OTHER))
    return msgspec.structs.replace(
        settings, exchanges=(*settings.exchanges, at), strategies=strategies
    )


async def test_orders_go_where_their_symbol_belongs(tmp_path: Path) -> None:
    async with (
        LoopbackExchange(seed=1) as first,
        LoopbackExchange(seed=2, usdt="50000") as second,
        trading(first, tmp_path, settings=both(first, second)) as trader,
    ):
        await trader.until(lambda: second.hub.wanted("spot", ["btcusdt@bookTicker"]))
        second.move(SPOT, Decimal(60_000))
        await trader.until(lambda: trader.run.books.mark(OTHER) and not trader.restrictions(OTHER))
        assert trader.run.books.cash == 150_000
        here, there = trader.buy("0.1"), trader.buy("0.2", symbol=OTHER)
        await trader.orders_done(here)
        await trader.orders_done(there)
        assert [o.quantity for o in first.truth.ours()] == [Decimal("0.1")]
        assert [o.quantity for o in second.truth.ours()] == [Decimal("0.2")]
        assert first.balance("BTC") == trader.run.books.position(SPOT).quantity
        assert second.balance("BTC") == trader.run.books.position(OTHER).quantity
        await trader.compared()
        assert not trader.restrictions(SPOT) | trader.restrictions(OTHER)


async def test_a_strategy_hears_one_exchange_and_trades_another_which_needs_no_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in KEYS:
        monkeypatch.delenv(name.replace("BINANCE", "OTHER"))
    follower = StrategyInstance(
        name="follower",
        strategy="ema-cross",
        symbols=(OTHER,),
        trades=SPOT,
        parameters={"fast": 2, "slow": 3, "band_bps": 0.0},
    )
    async with (
        LoopbackExchange(seed=1) as first,
        LoopbackExchange(seed=2) as second,
        trading(first, tmp_path, settings=both(first, second, follower)) as trader,
    ):
        await trader.until(lambda: second.hub.wanted("spot", ["btcusdt@trade"]))
        for n in range(40):
            await trader.price(str(60_000 + n))
            second.move(SPOT, Decimal(60_000 + 10 * n))
            if trader.events(StrategySignalEvent):
                break
        await trader.until(first.truth.ours)
        assert {s.symbol for s in trader.events(StrategySignalEvent)} == {SPOT}
        assert second.truth.ours() == []


async def test_an_order_spends_what_is_at_its_exchange(tmp_path: Path) -> None:
    async with (
        LoopbackExchange(seed=1) as first,
        LoopbackExchange(seed=2, usdt="2000") as second,
        trading(first, tmp_path, settings=both(first, second)) as trader,
    ):
        await trader.until(lambda: second.hub.wanted("spot", ["btcusdt@bookTicker"]))
        second.move(SPOT, Decimal(60_000))
        await trader.until(lambda: trader.run.books.mark(OTHER) and not trader.restrictions(OTHER))
        books, name = trader.run.books, trader.run.settings.exchanges[0].prefix
        assert books.account.money_at == {name: 100_000, "other": 2_000}
        too_much = trader.buy("0.1", symbol=OTHER)
        await trader.judged(too_much)
        assert trader.denied(too_much) == "BALANCE"
        assert second.truth.ours() == []
        await trader.orders_done(trader.buy("0.01", symbol=OTHER))
        money = dict(books.account.money_at)
        assert 1_395 < money["other"] < 1_401
        assert money == {name: 100_000, "other": second.balance("USDT")}
        assert sum(money.values()) == books.cash
        await trader.compared()
        assert dict(books.account.money_at) == money
        assert not trader.restrictions(SPOT) | trader.restrictions(OTHER)


async def test_one_that_fails_holds_its_own_symbols_and_no_others(tmp_path: Path) -> None:
    async with (
        LoopbackExchange(seed=1) as first,
        LoopbackExchange(seed=2) as second,
        trading(first, tmp_path, settings=both(first, second)) as trader,
    ):
        await trader.until(lambda: second.hub.wanted("spot", ["btcusdt@bookTicker"]))
        second.move(SPOT, Decimal(60_000))
        await trader.until(lambda: trader.run.books.mark(OTHER) and not trader.restrictions(OTHER))
        second.misbehave("503", count=FOREVER)
        lost = trader.buy("0.1", symbol=OTHER)
        await trader.until(lambda: trader.said("reconcile_failed"))
        await trader.orders_done(trader.buy("0.1"))
        assert not trader.restrictions(SPOT)
        assert first.balance("BTC") > Decimal("0.099")
        second.behave()
        await trader.orders_done(lost)
        await trader.until(lambda: not trader.restrictions(OTHER))
        await trader.orders_done(trader.buy("0.1", symbol=OTHER))
        assert second.balance("BTC") == trader.run.books.position(OTHER).quantity
        assert second.truth.duplicates() == first.truth.duplicates() == []


async def test_a_routed_entry_goes_to_the_cheaper_one(tmp_path: Path) -> None:
    routed = StrategyInstance(
        name="routed",
        strategy="ema-cross",
        symbols=(SPOT,),
        routed=True,
        parameters={"fast": 2, "slow": 3, "band_bps": 0.0},
    )
    async with (
        LoopbackExchange(seed=1) as first,
        LoopbackExchange(seed=2) as second,
        trading(first, tmp_path, settings=both(first, second, routed)) as trader,
    ):
        await trader.until(lambda: second.hub.wanted("spot", ["btcusdt@bookTicker"]))
        second.move(SPOT, Decimal(59_000))
        await trader.until(lambda: trader.run.books.mark(OTHER) and not trader.restrictions(OTHER))
        for n in range(40):
            second.move(SPOT, Decimal(59_000 + n))
            await trader.price(str(60_000 + n))
            if any(signal.action == "buy" for signal in trader.events(StrategySignalEvent)):
                break
        await trader.until(second.truth.ours)
        (signal,) = (e for e in trader.events(StrategySignalEvent) if e.action == "buy")
        assert signal.symbol == OTHER
        assert signal.notes["route"].startswith(f"{OTHER} 5")
        assert first.truth.ours() == []


async def test_on_paper_each_has_its_part_of_the_money(tmp_path: Path) -> None:
    async with LoopbackExchange(seed=1) as first, LoopbackExchange(seed=2) as second:
        free = PaperExchangeSettings(name="other", taker_fee=Decimal(0))
        settings = msgspec.structs.replace(
            both(first, second), mode="paper", paper=PaperSettings(exchanges=(free,))
        )
        trader = Trader(first, "spot")
        options = RunOptions(settings=settings, state_dir=StateDir(tmp_path), duration=60)
        trader.task = asyncio.ensure_future(trade(options, trader))
        await trader.ready.wait()
        await trader.until(lambda: second.hub.wanted("spot", ["btcusdt@bookTicker"]))
        second.move(SPOT, Decimal(60_000))
        books, name = trader.run.books, settings.exchanges[0].prefix
        await trader.until(lambda: books.mark(OTHER))
        assert books.account.money_at == {name: 50_000, "other": 50_000}
        await trader.orders_done(trader.buy("0.1", symbol=OTHER))
        assert books.position(OTHER).quantity == Decimal("0.1")
        assert books.account.money_at[name] == 50_000
        assert books.account.money_at["other"] == 50_000 - books.position(OTHER).cost
        await trader.end()
        assert second.truth.ours() == first.truth.ours() == []
    await verified(tmp_path)
