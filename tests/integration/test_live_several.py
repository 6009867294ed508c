"""Several exchanges at once: each order goes to its own, a strategy may hear one and trade another."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.fixtures.live_trader import KEYS, QUICK, SPOT, settings_for, trading
from tradectl.config.settings import Settings
from tradectl.domain.events import StrategySignalEvent
from tradectl.strategy.configured import StrategyInstance
from tradectl.testkit import LoopbackExchange

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
