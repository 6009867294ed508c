"""Stops and targets where several things come to one position: a fill and the end of its plan in a step,
a strategy that is gone, an exit of one beside the stop of another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from tests.fixtures.driven import PERPETUAL, SPOT, Driven, settings_with, trade
from tradectl.domain.brackets import Bracket
from tradectl.domain.event import ReasonCode
from tradectl.domain.events import (
    BracketTriggered,
    CancelRequested,
    Command,
    CommandReceived,
    EmergencyStopReceived,
    MarketDataEvent,
    OrderCanceled,
    OrderDenied,
    OrderInitialized,
    SystemEvent,
    TargetComputed,
)
from tradectl.domain.orders import Leg
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.execution.execution_settings import ExecutionSettings
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.risk.limits import RiskLimits
from tradectl.state.account import Account
from tradectl.strategy import Answer, Strategy
from tradectl.strategy.configured import StrategyInstance

D = Decimal
FREE = RiskLimits(
    max_order_notional=None,
    max_position_notional=None,
    max_gross_notional=None,
    max_leverage=None,
    price_collar_pct=None,
    duplicate_window_ms=0,
)
AT_ONCE = PaperSettings(limit_fill="touch", slippage_bps=D(0), latency_ms=0)
SLOW = PaperSettings(limit_fill="touch", slippage_bps=D(0), latency_ms=700)
WORKED = ExecutionSettings(algorithm="twap", horizon_seconds=D(10), interval_seconds=D(2))
Script = Mapping[int, Callable[[Strategy], Answer]]
LONG: Script = {0: lambda s: s.long(1)}


class Scripted(Strategy):
    """Says at the n-th trade of its symbol what is under n."""

    script: ClassVar[Script] = {}

    def start(self) -> None:
        self._n = -1

    def on_trade(self, trade: MarketDataEvent) -> Answer:
        self._n += 1
        said = self.script.get(self._n)
        return None if said is None else said(self)


def named(symbol: str, name: str, **more: Any) -> StrategyInstance:
    return StrategyInstance(name, name.upper(), symbols=(symbol,), **more)


def a_tenth(symbol: str, name: str, **more: Any) -> StrategyInstance:
    return named(symbol, name, allocation=D("0.1"), **more)


def driven(*instances: StrategyInstance, scripts: Mapping[str, Script], **more: Any) -> Driven:
    classes = {
        each.strategy: type(each.strategy, (Scripted,), {"script": scripts.get(each.name, {})})
        for each in instances
    }
    account, run_id = more.pop("account", None), more.pop("run_id", "run")
    settings = settings_with(*instances, **({"risk": FREE, "paper": AT_ONCE} | more))
    return Driven(settings, classes, account=account, run_id=run_id)


def stops(run: Driven, symbol: str) -> list[tuple[str, Decimal]]:
    working = run.system.books.working_in(symbol).stops.values()
    return [(order.spec.strategy, order.remaining) for order in working]


def feed(run: Driven, symbol: str, prices: Mapping[float, object]) -> None:
    for seconds, price in prices.items():
        run.feed(trade(price, seconds, symbol))


def plan_of(run: Driven, symbol: str) -> str:
    working = run.system.books.working_in(symbol)
    return next(o.spec.order_id for o in working if o.spec.plan is not None)


# --- a child fills while its parent is being cancelled ------------------------------------------------


@pytest.mark.parametrize("symbol", [SPOT, PERPETUAL])
def test_halted_the_fill_that_ends_a_plan_is_protected_once(symbol: str) -> None:
    run = driven(
        a_tenth(symbol, "a"),
        scripts={"a": LONG},
        paper=SLOW,
        execution=WORKED,
        portfolio=PortfolioSettings(stop_loss_pct=D(5)),
    )
    feed(run, symbol, {0: 100, 1: 100, 2: 100, 2.5: 100})
    run.feed(EmergencyStopReceived(reason="enough"))
    feed(run, symbol, {2.8: 100, 3.7: 100, 4.6: 100, 5.5: 100})
    assert run.system.books.position(symbol).quantity == 8
    assert [size for _, size in stops(run, symbol)] == [4, 4]
    run.check()


@pytest.mark.parametrize("symbol", [SPOT, PERPETUAL])
@pytest.mark.parametrize("risk", [FREE, RiskLimits()])
def test_of_a_plan_that_is_cancelled_each_leg_is_placed_once(symbol: str, risk: RiskLimits) -> None:
    bracket = Bracket(take_profit_pct=D(5), stop_loss_pct=D(5))
    run = driven(
        a_tenth(symbol, "a", bracket=bracket),
        scripts={"a": LONG},
        paper=SLOW,
        execution=WORKED,
        risk=risk,
    )
    feed(run, symbol, {0: 100, 0.5: 100})
    run.feed(CommandReceived(command=Command.CANCEL, target=plan_of(run, symbol), reason="by hand"))
    feed(run, symbol, {0.8: 100, 1.7: 100, 2.6: 100, 3.5: 100, 4.4: 100})
    legs = [e.order.leg for e in run.of(OrderInitialized) if e.order.leg is not None]
    assert len(legs) == len(set(legs)) >= 1
    assert not run.of(OrderDenied)
    assert not [e for e in run.of(SystemEvent) if e.kind == "stop_refused"]
    run.check()


@pytest.mark.parametrize("risk", [FREE, RiskLimits()])
def test_a_target_alone_is_not_doubled_either(risk: RiskLimits) -> None:
    run = driven(
        a_tenth(PERPETUAL, "a", bracket=Bracket(take_profit_pct=D(5))),
        scripts={"a": LONG},
        paper=SLOW,
        execution=WORKED,
        risk=risk,
    )
    feed(run, PERPETUAL, {0: 100, 0.5: 100})
    plan = plan_of(run, PERPETUAL)
    run.feed(CommandReceived(command=Command.CANCEL, target=plan, reason="by hand"))
    feed(run, PERPETUAL, {0.8: 100, 1.7: 100, 2.6: 100})
    targets = run.system.books.working_in(PERPETUAL).take_profits.values()
    assert [order.remaining for order in targets] == [4]
    assert not run.of(OrderDenied)


# --- a strategy that is not configured any more -------------------------------------------------------


@pytest.mark.parametrize("symbol", [SPOT, PERPETUAL])
@pytest.mark.parametrize("holds", [False, True])
def test_the_stop_of_a_strategy_that_is_gone_stays_beside_those_of_others(
    symbol: str, holds: bool
) -> None:
    two_percent = Bracket(stop_loss_pct=D(2))
    before = driven(a_tenth(symbol, "a", bracket=two_percent), scripts={"a": LONG})
    feed(before, symbol, {0: 100, 2: 100, 4: 100})
    run = driven(
        a_tenth(symbol, "b", bracket=two_percent),
        scripts={"b": {1: lambda s: s.long(1)} if holds else {}},
        account=Account.load(before.refolded().books.snapshot().dump()),
        run_id="next",
    )
    feed(run, symbol, {20: 100, 22: 100, 24: 100, 26: 100, 28: 100})
    assert stops(run, symbol)[0] == ("a", D(20))
    assert [name for name, _ in stops(run, symbol)] == ["a", "b"][: 1 + holds]
    feed(run, symbol, {30: 97, 32: 97})
    assert not stops(run, symbol)
    assert not run.system.books.holdings(symbol)["a"].quantity
    run.check()


@pytest.mark.parametrize("symbol", [SPOT, PERPETUAL])
def test_it_goes_where_another_stop_covers_its_part(symbol: str) -> None:
    bracket = Bracket(stop_loss_pct=D(2))
    before = driven(a_tenth(symbol, "a", bracket=bracket), scripts={"a": LONG})
    feed(before, symbol, {0: 100, 2: 100, 4: 100})
    run = driven(
        a_tenth(symbol, "b", bracket=bracket),
        scripts={"b": {1: lambda s: s.long(1)}},
        portfolio=PortfolioSettings(stop_loss_pct=D(5)),
        account=Account.load(before.refolded().books.snapshot().dump()),
        run_id="next",
    )
    feed(run, symbol, {20 + 2 * n: 100 for n in range(8)})
    assert sorted(name for name, _ in stops(run, symbol)) == ["b", "stop-loss"]
    assert sum(size for _, size in stops(run, symbol)) == run.system.books.free(symbol)


# --- an exit of one beside the stop of another --------------------------------------------------------


def test_an_exit_on_spot_leaves_the_stop_of_what_is_not_its_own() -> None:
    run = driven(
        a_tenth(SPOT, "a", bracket=Bracket(stop_loss_pct=D(5))),
        a_tenth(SPOT, "b"),
        scripts={"a": {**LONG, 8: lambda s: s.flat()}, "b": {1: lambda s: s.long(1)}},
        portfolio=PortfolioSettings(stop_loss_pct=D(10)),
    )
    feed(run, SPOT, {2 * n: 100 for n in range(8)})
    assert [name for name, _ in stops(run, SPOT)] == ["a", "stop-loss"]
    (rests,) = (o for o in run.system.books.working_in(SPOT).stops.values() if o.spec.leg is None)
    feed(run, SPOT, {16 + 2 * n: 100 for n in range(4)})
    assert stops(run, SPOT) == [("stop-loss", D(20))]
    assert rests.spec.order_id not in [e.order_id for e in run.of(CancelRequested)]
    run.check()


# --- a bracket of a strategy that quotes ---------------------------------------------------------------


def quotes(bid: object, ask: object = None) -> Callable[[Strategy], Answer]:
    asks = [] if ask is None else [(D(str(ask)), D(10))]
    return lambda s: s.quote(bids=[(D(str(bid)), D(10))], asks=asks)


def test_on_spot_who_quotes_takes_its_profit_once_its_quotes_are_gone() -> None:
    script = {0: quotes(99), 3: quotes(90, 110)}
    run = driven(
        named(SPOT, "q", bracket=Bracket(take_profit_pct=D(1))),
        scripts={"q": script},
        paper=SLOW,
    )
    feed(run, SPOT, dict(enumerate([100, 100, 99, 99, 99, 99])))
    assert len(run.system.books.working_in(SPOT).quotes) == 2
    feed(run, SPOT, {6 + n: 100 for n in range(6)})
    assert [(e.strategy, e.leg) for e in run.of(BracketTriggered)] == [("q", Leg.TAKE_PROFIT)]
    assert not run.system.books.position(SPOT).quantity
    assert not run.system.books.working_in(SPOT)
    last = [r.event for r in run.records if isinstance(r.event, (OrderCanceled, OrderInitialized))]
    kinds = [type(event) for event in last[-3:]]  # they bound the coins
    assert kinds == [OrderCanceled, OrderCanceled, OrderInitialized]
    assert not run.of(OrderDenied)
    run.check()


def test_who_quotes_is_stopped_where_its_stop_is_watched_and_quotes_again_when_it_says_so() -> None:
    script = {0: quotes(99), 11: quotes(90)}
    run = driven(
        named(PERPETUAL, "q", bracket=Bracket(stop_loss_pct=D(2)), allocation=D("0.1")),
        a_tenth(PERPETUAL, "b"),
        scripts={"q": script, "b": {1: lambda s: s.short(1)}},
    )
    books = run.system.books
    feed(run, PERPETUAL, {2 * n: p for n, p in enumerate([100, 100, 100, 99, 99, 99])})
    assert books.holdings(PERPETUAL)["q"].quantity == 10
    assert not stops(run, PERPETUAL)
    feed(run, PERPETUAL, {12 + 2 * n: 97 for n in range(4)})
    assert not books.holdings(PERPETUAL)["q"].quantity
    feed(run, PERPETUAL, {20 + 2 * n: 97 for n in range(4)})
    assert [order.spec.price for order in books.working_in(PERPETUAL).quotes.values()] == [90]
    run.check()


@pytest.mark.parametrize("symbol", [SPOT, PERPETUAL])
def test_what_trails_follows_who_quotes(symbol: str) -> None:
    run = driven(
        named(symbol, "q", bracket=Bracket(trailing_pct=D(1))), scripts={"q": {0: quotes(99)}}
    )
    feed(run, symbol, {2 * n: p for n, p in enumerate([100, 100, 99, 99, 105, 105, 105])})
    (stop,) = run.system.books.working_in(symbol).stops.values()
    assert stop.spec.stop_price == D("103.95")
    feed(run, symbol, {20: 103, 22: 103})
    assert not run.system.books.position(symbol).quantity
    run.check()


def test_paused_it_is_said_that_a_stop_waits_by_which_the_account_would_grow() -> None:
    run = driven(
        a_tenth(PERPETUAL, "a", bracket=Bracket(stop_loss_pct=D(2))),
        a_tenth(PERPETUAL, "b"),
        scripts={"a": LONG, "b": {2: lambda s: s.short(1)}},
    )
    feed(run, PERPETUAL, {2 * n: 100 for n in range(5)})
    run.feed(CommandReceived(command=Command.PAUSE, reason="a break"))
    feed(run, PERPETUAL, {10: 97, 12: 97, 14: 97})
    assert run.of(BracketTriggered)
    answer = run.of(TargetComputed)[-1]
    assert answer.code is ReasonCode.PAUSED
    assert answer.reason == "paused: to close a the account's position would grow, which waits"
    run.feed(CommandReceived(command=Command.RESUME, reason="go on"))
    feed(run, PERPETUAL, {16 + 2 * n: 97 for n in range(40)})
    assert not run.system.books.holdings(PERPETUAL)["a"].quantity
    run.check()
