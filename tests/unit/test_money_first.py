"""On spot sells pay for buys: they go first, and what lacks money goes as soon as they are filled."""

from __future__ import annotations

from decimal import Decimal

from tradectl.bus.clock import DataClock
from tradectl.config.settings import Settings
from tradectl.domain.events import (
    MarketDataEvent,
    OrderDenied,
    OrderInitialized,
    Record,
    SignalAction,
    StrategySignalEvent,
)
from tradectl.domain.time import MINUTE, SECOND
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.risk.limits import RiskLimits
from tradectl.state.account import Account
from tradectl.system.follower import Deciding
from tradectl.system.trading_system import TradingSystem, on_paper

RUN = "20240808T235415342-0a1b"
START = 1_723_161_600 * SECOND
SYMBOLS = ("AUSDT", "BUSDT", "CUSDT")
SETTINGS = Settings(
    symbols=SYMBOLS,
    strategies=(),
    portfolio=PortfolioSettings(sizing="equal_weight", max_weight=Decimal(1), drift=Decimal("0.1")),
    risk=RiskLimits(duplicate_window_ms=0),
    paper=PaperSettings(latency_ms=0, latency_jitter_ms=0),
)


class Run:
    def __init__(self) -> None:
        account = Account.open(RUN, "USDT", Decimal(10_000))
        self.system = TradingSystem(SETTINGS, account, RUN, DataClock(), gateway=on_paper(SETTINGS))
        self.system.open()
        self.records: list[Record] = []
        self.at = START

    def prices(self, *prices: int, after: int = SECOND) -> None:
        self.at += after
        for symbol, price in zip(SYMBOLS, prices, strict=True):
            tick = MarketDataEvent(
                symbol=symbol, price=Decimal(price), volume=Decimal(10_000), ts=self.at
            )
            self.records += self.system.apply(tick)

    def says(self, action: SignalAction, symbol: str) -> None:
        signal = StrategySignalEvent(symbol=symbol, action=action, strategy="one")
        self.records += self.system.apply(signal, at=self.at)

    def asked(self) -> list[tuple[str, str]]:
        events = [r.event for r in self.records]
        return [
            (e.order.side.value, e.order.symbol[0])
            for e in events
            if isinstance(e, OrderInitialized)
        ]

    def denied(self) -> list[str]:
        return [r.event.code for r in self.records if isinstance(r.event, OrderDenied)]

    def is_decided_again(self) -> bool:
        again = TradingSystem(
            SETTINGS, Account.open(RUN, "USDT", Decimal(10_000)), RUN, DataClock()
        )
        differences: list[tuple[Record | None, Record | None]] = []
        follower = Deciding(again, lambda one, other: differences.append((one, other)))
        for record in self.records:
            follower.take(record)
        follower.end()
        return not differences


def test_a_rebalancing_sells_first_and_buys_what_lacks_money_once_that_is_filled() -> None:
    run = Run()
    run.prices(100, 100, 100)
    for symbol in SYMBOLS:
        run.says(SignalAction.BUY, symbol)
    for _ in range(3):
        run.prices(100, 100, 100, after=MINUTE)
    run.records, before = [], run.records
    run.prices(100, 100, 300)
    run.prices(100, 100, 300, after=MINUTE)
    for _ in range(4):
        run.prices(100, 100, 300)
    assert run.asked() == [("sell", "C"), ("buy", "A"), ("buy", "B")]
    assert run.denied() == []
    run.records = before + run.records
    assert run.is_decided_again()


def test_what_was_denied_for_want_of_money_goes_once_something_was_sold() -> None:
    run = Run()
    run.prices(100, 100, 100)
    run.says(SignalAction.BUY, "AUSDT")
    run.prices(100, 100, 100)
    run.says(SignalAction.BUY, "BUSDT")
    run.says(SignalAction.CLOSE, "AUSDT")
    for _ in range(3):
        run.prices(100, 100, 100)
    assert run.denied() == ["BALANCE"]
    assert run.asked() == [("buy", "A"), ("buy", "B"), ("sell", "A"), ("buy", "B")]
    assert run.system.books.position("BUSDT").quantity > 90
    assert run.is_decided_again()
