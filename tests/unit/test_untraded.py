"""Nothing traded needs a reason: for each strategy and symbol without a fill, the one that counts."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from tests.fixtures.rows import each_row
from tradectl.bus.clock import DataClock
from tradectl.config.load import load_settings
from tradectl.config.settings import Settings
from tradectl.documents.reasons import by_importance
from tradectl.documents.run import HeldBack
from tradectl.domain.event import ReasonCode
from tradectl.domain.events import (
    BarEvent,
    BarOpened,
    Command,
    CommandReceived,
    MarketDataEvent,
    QuoteEvent,
    Record,
    RestrictionKind,
    SymbolRestricted,
)
from tradectl.domain.time import SECOND
from tradectl.recovery.warm_up import warm_up
from tradectl.runtime.held_back import as_reasons
from tradectl.state.account import Account
from tradectl.strategy.base import Signal, Strategy
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.engine import StrategyEngine
from tradectl.system.follower import Deciding
from tradectl.system.trading_system import TradingSystem, on_paper

START = 1_720_886_400 * SECOND
HOUR = 3600 * SECOND
RISING = [100 + n for n in range(60)]
FALLING = [200 - n for n in range(60)]
PAUSE = CommandReceived(command=Command.PAUSE, reason="lunch")
RESTRICTED = SymbolRestricted(
    symbol="BTCUSDT", kind=RestrictionKind.UNRECONCILED, message="by hand"
)

Input = MarketDataEvent | CommandReceived | SymbolRestricted


def candles(prices: Iterable[int], symbol: str = "BTCUSDT") -> list[Input]:
    return [
        BarEvent(
            symbol=symbol, price=p, open=p, high=p, low=p, volume=p, interval=HOUR, ts=START + n * HOUR
        )
        for n, p in enumerate(map(Decimal, prices), start=1)
    ]  # fmt: skip


def with_opens(bars: list[Input]) -> list[Input]:
    """As recorded candles come: the open of each first."""
    both: list[Input] = []
    for bar in bars:
        assert isinstance(bar, BarEvent)
        opened = bar.ts - bar.interval
        both.append(BarOpened(symbol=bar.symbol, price=bar.open, volume=bar.volume, ts=opened))
        both.append(bar)
    return both


def trades(prices: Iterable[int]) -> list[Input]:
    return [
        MarketDataEvent(symbol="BTCUSDT", price=p, volume=p, ts=START + n * SECOND)
        for n, p in enumerate(map(Decimal, prices))
    ]


def quotes(prices: Iterable[int]) -> list[Input]:
    return [
        QuoteEvent(symbol="BTCUSDT", price=p, volume=p, ts=START + n * SECOND)
        for n, p in enumerate(map(Decimal, prices))
    ]


def settings(strategy: str, *assignments: str) -> Settings:
    named = {"strategies": [{"name": "it", "strategy": strategy}]}
    return load_settings(None, named, {}, assignments=assignments)


def system(made: Settings) -> TradingSystem:
    account = Account.open("run", "USDT", made.account.cash)
    return TradingSystem(made, account, "run", DataClock(), gateway=on_paper(made))


def traded(made: Settings, inputs: Iterable[Any]) -> tuple[TradingSystem, list[Record]]:
    trading = system(made)
    trading.open()
    records = [record for each in inputs for record in trading.apply(each)]
    return trading, records + trading.end_of_data()


def reasons(trading: TradingSystem, symbols: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    return [(r.code, r.symbol, r.text) for r in trading.untraded(symbols)]


@each_row(
    ("strategy", "assignments", "inputs", "code", "text"),
    [
        (
            "donchian-breakout",
            [],
            candles(RISING[:2]),
            ReasonCode.WARM_UP,
            "needs 20 bars of 1h, saw 2",
        ),
        (
            "ema-cross",
            [],
            candles(RISING[:2]),
            ReasonCode.WARM_UP,
            "needs 150 candles of 1h, saw 2",
        ),
        ("ema-cross", [], trades(RISING[:2]), ReasonCode.WARM_UP, "needs 150 trades, saw 2"),
        (
            "donchian-breakout",
            ["strategy.timeframe=1m"],
            candles(RISING),
            ReasonCode.TIMEFRAME,
            "the data has bars of 1h, the strategy wants 1m: set its timeframe to 1h, or to a multiple",
        ),
        (
            "donchian-breakout",
            [],
            candles([100] * 60),
            ReasonCode.NO_SIGNAL,
            "no signal in 60 bars of 1h",
        ),
        (
            "donchian-breakout",
            ["strategy.timeframe=2h"],
            candles([100] * 60),
            ReasonCode.NO_SIGNAL,
            "no signal in 30 bars of 2h",
        ),
        (
            "donchian-breakout",
            ["strategy.timeframe=5s"],
            trades([100] * 301),
            ReasonCode.NO_SIGNAL,
            "no signal in 60 bars of 5s",
        ),
        (
            "ema-cross",
            ["strategy.slow=20"],
            trades([100] * 301),
            ReasonCode.NO_SIGNAL,
            "no signal in 5 minutes of trades",
        ),
        (
            "donchian-breakout",
            [],
            quotes(RISING),
            ReasonCode.NO_DATA,
            "the data has quotes alone, the strategy wants trades or candles",
        ),
        (
            "donchian-breakout",
            [],
            candles(FALLING),
            ReasonCode.NOT_WANTED,
            "1 signal, none to buy: spot cannot be sold short",
        ),
        (
            "donchian-breakout",
            ["risk.max_order_notional=10"],
            candles(RISING[:21]),
            ReasonCode.DENIED,
            "1 signal, 1 order, all denied: ORDER_NOTIONAL x1: ",
        ),
        (  # what is denied is not ordered again with every candle and rebalancing
            "donchian-breakout",
            ["risk.max_order_notional=10"],
            candles(RISING),
            ReasonCode.DENIED,
            "1 signal, 1 order, all denied: ORDER_NOTIONAL x1: ",
        ),
        (
            "donchian-breakout",
            [],
            with_opens(candles(RISING[:21])),
            ReasonCode.NOT_FILLED,
            "1 signal, with the last candle: there is no next one to open",
        ),
        (
            "donchian-breakout",
            ["account.cash=5"],
            candles(RISING[:30]),
            ReasonCode.TOO_SMALL,
            "1 signal, every order below the smallest one: below the exchange's minimum of 5 USDT x1",
        ),
        (
            "donchian-breakout",
            ["account.cash=0.0001"],
            candles(RISING),
            ReasonCode.TOO_SMALL,
            "1 signal, and a target of less than one lot",
        ),
        (
            "donchian-breakout",
            ["strategy.allocation=0"],
            candles(RISING),
            ReasonCode.NOT_WANTED,
            (
                "1 signal, and a target of 0: no share of the equity, less than one lot, or offset by "
                "another strategy"
            ),
        ),
        (
            "donchian-breakout",
            [],
            [PAUSE, *candles(RISING)],
            ReasonCode.PAUSED,
            "1 signal, paused: only what reduces the position is done x1",
        ),
        (
            "donchian-breakout",
            [],
            [RESTRICTED, *candles(RISING[:21])],
            ReasonCode.RESTRICTED,
            "1 signal, 1 order, all denied: RESTRICTED x1: ",
        ),
    ],
)
def test_the_reason_that_counts(
    strategy: str, assignments: list[str], inputs: list[Input], code: ReasonCode, text: str
) -> None:
    trading, records = traded(settings(strategy, *assignments), inputs)
    ((told, symbol, said),) = reasons(trading)
    assert (told, symbol) == (code, "BTCUSDT")
    assert said == text or (text.endswith(": ") and said.startswith(text))
    replayed = system(trading.settings)
    following = Deciding(replayed)
    for record in records:
        following.take(record)
    assert reasons(replayed) == reasons(trading)


def test_without_weights_a_target_of_zero_is_no_small_one() -> None:
    """Equity is shared by them, and whoever works them out has not got enough, or was put away: most
    signals find the symbol where it is to be."""
    wave = [*range(100, 130), *range(130, 70, -1)] * 2
    trading, _ = traded(settings("donchian-breakout", "portfolio.sizing=allocation"), candles(wave))
    ((code, _, said),) = reasons(trading)
    assert code == "no_weight"
    assert "6 signals, and no weights to share the equity by: too little history: 4 of 30" in said


def test_a_symbol_without_data() -> None:
    trading, _ = traded(settings("donchian-breakout"), candles(RISING[:2]))
    assert reasons(trading, ("BTCUSDT", "ETHUSDT")) == [
        ("no_data", "ETHUSDT", "no data for ETHUSDT"),
        ("warm_up", "BTCUSDT", "needs 20 bars of 1h, saw 2"),
    ]


def test_one_that_is_in_quarantine_comes_first() -> None:
    made = settings("donchian-breakout")
    second = msgspec.structs.replace(made.strategies[0], name="second")
    made = msgspec.structs.replace(made, strategies=(*made.strategies, second))
    command = CommandReceived(command=Command.QUARANTINE, target="second", reason="enough")
    trading, _ = traded(made, [*candles(RISING[:2]), command])
    assert reasons(trading) == [
        ("quarantined", "BTCUSDT", "quarantined: enough"),
        ("warm_up", "BTCUSDT", "needs 20 bars of 1h, saw 2"),
    ]


def test_what_was_traded_needs_no_reason() -> None:
    trading, _ = traded(settings("donchian-breakout"), candles(RISING))
    assert (trading.tally.fills, reasons(trading)) == (1, [])


def test_what_one_strategy_traded_is_no_trade_of_another() -> None:
    """One buys strength; the other would sell it, and has nothing to sell."""
    made = settings("donchian-breakout")
    against = StrategyInstance("against", "rsi-reversion", parameters={"period": 5})
    made = msgspec.structs.replace(made, strategies=(*made.strategies, against))
    trading, _ = traded(made, candles(RISING))
    assert trading.tally.fills >= 1
    assert reasons(trading) == [
        ("not_wanted", "BTCUSDT", "1 signal, none to buy: spot cannot be sold short"),
    ]


def test_what_was_seen_in_the_run_before_is_not_of_this_one() -> None:
    """Warm it is, but it has watched for so long only."""
    before = [*trades([100] * 600)]
    (warmed,) = warm_up("before", before[:500], START + 600 * SECOND)  # type: ignore[arg-type]
    trading = system(settings("ema-cross", "strategy.slow=20"))
    trading.open()
    trading.apply(warmed, at=START + 500 * SECOND)
    trading.apply(*before[500:])
    assert reasons(trading) == [
        ("no_signal", "BTCUSDT", "no signal in 99 seconds of trades"),
    ]


class TwoLengths(Strategy):
    """Needs no history, and says something at the longer bars alone."""

    def timeframes(self) -> tuple[str, ...]:
        return (self.timeframe, "2h")

    def on_bar(self, bar: BarEvent) -> Signal | None:
        return self.long() if bar.interval > HOUR else None


def test_bars_of_another_length_that_cannot_be_made_and_none_that_ended_are_the_reason() -> None:
    def why(bars: list[Input], timeframe: str) -> tuple[str, str]:
        instance = StrategyInstance(name="it", strategy="x", parameters={"timeframe": timeframe})
        engine = StrategyEngine([instance], find={"x": TwoLengths}.__getitem__)
        for n, bar in enumerate(bars):
            assert isinstance(bar, MarketDataEvent)
            engine.on_market(bar, Record(n, bar.ts, bar))
        code, text = engine.why_silent("it", "BTCUSDT", START + HOUR)
        return code.value, text

    day = [msgspec.structs.replace(bar, interval=24 * HOUR) for bar in candles(RISING)]
    mend = "set its timeframe to 1d, or to a multiple"
    assert why(day, "1d") == (
        "timeframe", f"the data has bars of 1d, the strategy wants 2h: {mend}",
    )  # fmt: skip
    assert why(trades([100] * 30), "4h") == (
        "warm_up", "needs 1 bar of 4h, saw 0 in 60 minutes of data",
    )  # fmt: skip


def test_what_held_all_of_trading_back_is_a_reason_of_its_own() -> None:
    def held_back(cause: str, rows: int, share: str | None) -> HeldBack:
        return HeldBack(
            cause=cause, reason="why", since="", until=None, times=1, rows=rows, share=share, span_s=70
        )  # fmt: skip

    rows = [
        held_back("operator", 7, None),
        held_back("DAILY_LOSS", 59, "0.59"),
        held_back("REDUCING", 3, "0.03"),
        held_back("DRAWDOWN", 0, "0"),
    ]
    told = by_importance(as_reasons(rows))
    assert [(reason.code, reason.strategy, reason.symbol, reason.text) for reason in told] == [
        ("halted", "", "", "halted for 3% of the data: why"),
        ("paused", "", "", "paused for 70 seconds: why"),
        ("paused", "", "", "paused for 59% of the data: why"),
    ]
