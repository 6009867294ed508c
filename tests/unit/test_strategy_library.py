"""The strategies that come with tradectl: each does what it says, on recorded candles and on prices made
up for it, is decided again the same, and all of them at once add up."""

from __future__ import annotations

import csv
import gzip
import itertools
import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.driven import PERPETUAL, SPOT, TWIN, Driven, settings_with, trade
from tests.profiles import in_turn, is_deep
from tests.real_data import real_data
from tradectl.domain.errors import UsageError
from tradectl.domain.events import (
    LimitBreached,
    MarketDataEvent,
    OrderFilled,
    OrderInitialized,
    StrategySignalEvent,
    SystemEvent,
    SystemEventKind,
)
from tradectl.domain.money import ZERO, Side
from tradectl.domain.time import SECOND
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.risk.limits import RiskLimits
from tradectl.state.consistency import problems_of
from tradectl.strategy.base import Strategy
from tradectl.strategy.catalog import BUILT_IN, find
from tradectl.strategy.configured import StrategyInstance

D = Decimal
CANDLES = Path(__file__).parent.parent / "data" / "btcusdt_candles.csv.gz"
MINUTE = 60 * SECOND
CLASSES: dict[str, type[Strategy]] = {name: find(name) for name in BUILT_IN}


def run_of(*instances: StrategyInstance, **more: Any) -> Driven:
    paper = PaperSettings(limit_fill="touch", latency_ms=0)
    return Driven(settings_with(*instances, paper=paper, **more), CLASSES)


def legs(*instances: StrategyInstance) -> Driven:
    return run_of(*instances, symbols=(TWIN, PERPETUAL))


def instance(strategy: str, *symbols: str, **parameters: Any) -> StrategyInstance:
    return StrategyInstance(strategy, strategy, symbols=symbols, parameters=parameters)


def recorded(count: int = 200) -> list[MarketDataEvent]:
    """So many minutes of candles, each as two trades of BTCUSDT, and two perpetuals that follow."""
    events = []
    with gzip.open(CANDLES, "rt") as file:
        for n, row in enumerate(itertools.islice(csv.DictReader(file), count)):
            rose = D(row["close"]) >= D(row["open"])
            for part, name in enumerate(("low" if rose else "high", "close")):
                at = n * 60 + part * 30
                price = D(row[name])
                events.append(trade(price, at, SPOT, row["volume"]))
                other = float(price) / 20 * (1 + 0.002 * math.sin(n / 7))
                events.append(trade(f"{other:.2f}", at + 1, PERPETUAL, row["volume"]))
                events.append(trade(price, at + 2, TWIN, row["volume"]))
    return events


def feed(run: Driven, events: Iterable[MarketDataEvent]) -> None:
    for event in events:
        run.feed(event)


def prices(run: Driven, values: Iterable[object], every: float = 60, symbol: str = SPOT) -> None:
    feed(run, (trade(value, n * every, symbol) for n, value in enumerate(values)))


def said(run: Driven) -> list[str]:
    return [f"{s.action} {s.symbol}" for s in run.of(StrategySignalEvent)]


# --- on prices made up for it --------------------------------------------------------------------------


def test_supertrend_follows_a_strong_trend_and_is_out_once_it_turns() -> None:
    run = run_of(instance("supertrend-adx", PERPETUAL, length=5, adx=5, strong=30.0))
    up, down = range(1000, 1200, 5), range(1200, 900, -5)
    prices(run, [*up, *down], symbol=PERPETUAL)
    assert said(run) == [f"buy {PERPETUAL}", f"sell {PERPETUAL}"]
    run.check()


def test_supertrend_leaves_a_weak_trend_alone() -> None:
    run = run_of(instance("supertrend-adx", PERPETUAL, length=5, adx=5, strong=90.0))
    prices(run, [1000 + 10 * (-1) ** n for n in range(100)], symbol=PERPETUAL)
    assert said(run) == []


def test_bollinger_buys_what_is_unusually_low_and_leaves_at_the_average() -> None:
    run = run_of(instance("bollinger-reversion", SPOT, length=10, width=2.0))
    calm = [100 + n % 2 for n in range(20)]
    prices(run, [*calm, 90, 90, 95, 101, 101])
    assert said(run) == [f"buy {SPOT}", f"close {SPOT}"]
    run.check()


def test_rotation_holds_what_rose_most_and_changes_over() -> None:
    chosen = instance("momentum-rotation", timeframe="1m", every="10m", lookback=5, top=1)
    run = run_of(chosen)
    for n in range(60):
        first = 100 + n if n < 30 else 130 - n
        second = 100 + n / 10 if n < 30 else 103 + n
        run.feed(trade(first, n * 60), trade(second, n * 60 + 1, PERPETUAL))
    assert said(run)[0] == f"buy {SPOT}"
    assert said(run)[1:3] == [f"close {SPOT}", f"buy {PERPETUAL}"]
    assert run.system.books.position(SPOT).quantity == 0
    assert run.system.books.position(PERPETUAL).quantity > 0
    run.check()


def test_rotation_holds_nothing_that_fell() -> None:
    run = run_of(instance("momentum-rotation", timeframe="1m", every="10m", lookback=5, top=2))
    for n in range(30):
        run.feed(trade(100 - n, n * 60), trade(200 - n, n * 60 + 1, PERPETUAL))
    assert said(run) == []


def test_pairs_trade_two_that_parted_and_leave_once_they_meet() -> None:
    run = legs(instance("pairs", first=TWIN, second=PERPETUAL, length=30, timeframe="1m"))
    apart = [0.0] * 40 + [0.05] * 3 + [0.0] * 40
    sides = []
    for n, gap in enumerate(apart):
        for second in range(0, 60, 5):
            price = 1000 * (1 + gap + 0.001 * (-1) ** n)
            run.feed(trade(f"{price:.2f}", n * 60 + second, TWIN))
            run.feed(trade("1000", n * 60 + second + 1, PERPETUAL))
        books = run.system.books
        sides.append(tuple(books.position(each).side for each in (TWIN, PERPETUAL)))
    assert sides[30] == ("flat", "flat")
    assert sides[43] == ("short", "long")
    assert sides[-1] == ("flat", "flat")
    run.check()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"first": "A", "second": "A"}, "first and second are one symbol: name two"),
        ({"leave": 3.0}, "leave, 3, must be below enter, 2"),
    ],
)
def test_a_pair_that_is_none_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find("pairs")(**given)


def test_dollar_cost_averaging_spends_the_same_each_time_until_its_share_is_spent() -> None:
    chosen = instance("dollar-cost-average", SPOT, every="10m", amount=1000.0)
    run = run_of(StrategyInstance(**{**fields(chosen), "allocation": D("0.045")}))
    prices(run, [100 + n % 7 for n in range(100)])
    fills = run.of(OrderFilled)
    assert len(fills) == 4
    assert all(980 < fill.quantity * fill.price < 1020 for fill in fills)
    assert all(fill.side is Side.BUY for fill in fills)
    run.check()


def fields(chosen: StrategyInstance) -> dict[str, Any]:
    return {name: getattr(chosen, name) for name in chosen.__struct_fields__}


def test_a_grid_buys_on_the_way_down_and_sells_each_level_a_step_higher() -> None:
    run = run_of(instance("grid", PERPETUAL, levels=3, step_bps=100.0, size=0.3))
    prices(run, [1000, 1000, 989, 1000, 979, 989, 1001, 1001], symbol=PERPETUAL)
    fills = [f"{f.side} {f.price.normalize():f}" for f in run.of(OrderFilled)]
    assert fills == ["buy 990", "buy 980", "sell 990", "sell 1000"] or fills[:2] == [
        "buy 990",
        "sell 1000",
    ]
    bought = sum((f.quantity * f.price for f in run.of(OrderFilled) if f.side is Side.BUY), ZERO)
    sold = sum((f.quantity * f.price for f in run.of(OrderFilled) if f.side is Side.SELL), ZERO)
    assert sold > bought
    assert run.system.books.position(PERPETUAL).quantity == 0
    run.check()


def test_a_market_maker_rests_on_both_sides_and_leans_away_from_what_it_holds() -> None:
    run = run_of(instance("market-maker", PERPETUAL, skew_bps=50.0))
    prices(run, [1000, 1000], symbol=PERPETUAL)
    wanted = run.system.books.quotes(PERPETUAL)["market-maker"]
    assert (wanted.bids[0].price, wanted.asks[0].price) == (D(999), D(1001))
    run.feed(trade("998.9", 121, PERPETUAL))
    run.feed(trade("998.9", 122, PERPETUAL))
    leant = run.system.books.quotes(PERPETUAL)["market-maker"]
    middle = (leant.bids[0].price + leant.asks[0].price) / 2
    assert run.system.books.position(PERPETUAL).quantity > 0
    assert middle < D("998.5")
    run.check()


def test_a_market_maker_holds_no_more_than_its_inventory() -> None:
    run = run_of(instance("market-maker", PERPETUAL, size=0.05, inventory=0.2))
    prices(run, [1000 - 2 * (n // 3) for n in range(120)], every=1, symbol=PERPETUAL)
    books = run.system.books
    held = books.position(PERPETUAL).quantity * (books.mark(PERPETUAL) or ZERO)
    assert ZERO < held <= D("0.21") * books.equity()
    run.check()


# --- on recorded candles -------------------------------------------------------------------------------

ON_RECORDED: dict[str, dict[str, Any]] = {
    "ema-cross": {},
    "rsi-reversion": {"period": 7},
    "donchian-breakout": {},
    "supertrend-adx": {"strong": 20.0},
    "bollinger-reversion": {},
    "momentum-rotation": {"timeframe": "1m", "every": "15m", "lookback": 30, "top": 1},
    "pairs": {"first": TWIN, "second": PERPETUAL, "length": 60, "enter": 1.2},
    "cross-exchange-spread": {
        "first": TWIN,
        "second": PERPETUAL,
        "enter_bps": 100.0,
        "max_age_seconds": 60.0,
    },
    "market-maker": {},
    "dollar-cost-average": {"every": "30m"},
    "grid": {"step_bps": 20.0},
}


def test_every_strategy_that_comes_along_is_tried_on_recorded_candles() -> None:
    assert ON_RECORDED.keys() == BUILT_IN.keys()


@pytest.mark.parametrize("name", BUILT_IN)
def test_on_recorded_candles_it_trades_never_fails_and_is_decided_again(name: str) -> None:
    run = run_of(instance(name, **ON_RECORDED[name]))
    feed(run, recorded(90))
    failed = (SystemEventKind.STRATEGY_FAILED, SystemEventKind.STRATEGY_QUARANTINED)
    assert [e.message for e in run.of(SystemEvent) if e.kind in failed] == []
    assert run.of(OrderFilled)
    assert run.system.books.cash > 0
    run.check()


def crash() -> list[MarketDataEvent]:
    """The hours around the crash of 19 May 2021, of two symbols, and a perpetual by the prices of one."""
    hours = 72 if is_deep() else 3
    begin, found = 1_621_425_600 - (hours - 3) * 1_800, list[MarketDataEvent]()
    for name, symbols in (("BTCUSDT", (SPOT, TWIN)), ("ETHUSDT", (PERPETUAL,))):
        path = real_data(f"candles/binance_1m_20210420_20210520/{name}.csv.gz")
        with gzip.open(path, "rt") as file:
            for row in csv.DictReader(file):
                at = int(row["ts_ms"]) / 1000 - begin
                if 0 <= at < hours * 3600:
                    found += [trade(row["close"], at, s, row["volume"]) for s in symbols]
    return sorted(found, key=lambda event: event.ts)


def calm() -> list[MarketDataEvent]:
    return recorded(100)


@pytest.mark.parametrize("events", in_turn([crash, calm], 2))
def test_all_at_once_nothing_is_overdrawn_limits_act_and_all_parts_add_up(
    events: Callable[[], list[MarketDataEvent]],
) -> None:
    """Through a crash, or through a hundred calm minutes."""
    all_at_once(events())


def all_at_once(events: list[MarketDataEvent]) -> None:
    names = [*BUILT_IN]
    instances = [
        StrategyInstance(name, name, parameters=ON_RECORDED[name], allocation=D("0.1"))
        for name in names
    ]
    run = run_of(
        *instances,
        symbols=(SPOT, PERPETUAL, TWIN),
        risk=RiskLimits(
            daily_loss_pause_pct=D("0.05"),
            daily_loss_alert_pct=D("0.01"),
            daily_pause_ends="resume",
            duplicate_window_ms=0,
        ),
    )
    for n, event in enumerate(events):
        run.feed(event)
        if n % 100 == 0:
            assert run.system.books.cash >= 0
    books = run.system.books
    assert {order.order.strategy for order in run.of(OrderInitialized)} >= {"market-maker", "grid"}
    assert {breach.code for breach in run.of(LimitBreached)} == {"DAILY_LOSS"}
    assert books.trading_state == "PAUSED"
    assert problems_of(books.snapshot(), books.instruments) == []
    for symbol in (SPOT, PERPETUAL, TWIN):
        parts = sum((own.quantity for own in books.holdings(symbol).values()), ZERO)
        assert parts == books.position(symbol).quantity
    run.check()
