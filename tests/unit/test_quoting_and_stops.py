"""Where a position has a stop, what strategies quote takes nothing from it: on spot the coins are the
stop's, and on a perpetual it is as large as what is held, whatever rests beside it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.driven import PERPETUAL, SPOT, Driven, settings_with
from tests.unit.test_quoting import CLASSES, D, Scripted, quote, resting, run_of, ticks
from tradectl.domain.brackets import Bracket
from tradectl.domain.events import OrderDenied, OrderInitialized, QuotesDenied
from tradectl.domain.money import ZERO, Side
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.strategy.configured import StrategyInstance

STOPPED = PortfolioSettings(stop_loss_pct=D(5))
BRACKET = {"bracket": Bracket(stop_loss_pct=D(5))}
BOTH_SIDES = quote("99 10 b1, 98 10 b2", "102 10 a1, 103 10 a2")
DOWN = (100, 100, 99, 99, 99, 98, 98, 98, 98, 98)
BY = ("settings", "bracket")


def run_with(symbol: str, by: str, *, latency_ms: int = 0, said: Any = BOTH_SIDES) -> Driven:
    """Stops by the settings of the portfolio, or by the strategy's bracket."""
    if by == "settings":
        return run_of({0: said}, symbol, portfolio=STOPPED, latency_ms=latency_ms)
    Scripted.script = {0: said}
    paper = PaperSettings(limit_fill="touch", slippage_bps=ZERO, latency_ms=latency_ms)
    mine = StrategyInstance("mine", "Scripted", symbols=(symbol,), **BRACKET)  # type: ignore[arg-type]  # of one kind
    return Driven(settings_with(mine, paper=paper), CLASSES)


def stops(run: Driven, symbol: str) -> list[str]:
    """Sizes of those that rest."""
    found = run.system.books.working_in(symbol).stops.values()
    return [f"{stop.remaining.normalize():f}" for stop in found]


@pytest.mark.parametrize("latency_ms", [0, 300])
@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("symbol", [SPOT, PERPETUAL])
def test_all_that_bids_brought_has_its_stop(symbol: str, by: str, latency_ms: int) -> None:
    run = run_with(symbol, by, latency_ms=latency_ms)
    ticks(run, *DOWN, symbol=symbol)
    assert run.system.books.position(symbol).quantity == 20
    assert stops(run, symbol) == ["20"]
    if symbol == SPOT:
        assert resting(run, symbol) == []
    elif by == "settings":
        assert resting(run, symbol) == ["sell 102 10 a1", "sell 103 10 a2"]
    ticks(run, 90, 80, 80, 80, begin=20, symbol=symbol)
    assert run.system.books.position(symbol).quantity == 0
    run.check()


@pytest.mark.parametrize("by", BY)
def test_nothing_is_asked_for_that_the_stop_of_the_same_step_binds(by: str) -> None:
    run = run_with(SPOT, by)
    ticks(run, *DOWN, symbol=SPOT)
    assert run.of(OrderDenied) == []
    assert not [e for e in run.of(OrderInitialized) if e.order.tag in ("a1", "a2")]
    assert run.system.books.quotes(SPOT)["mine"].total(Side.SELL) == 20  # it is wanted yet
    run.check()


def test_a_stop_takes_what_is_free_and_then_what_the_quotes_leave() -> None:
    """They rested before the position was to have one."""
    first = run_of({0: quote("99 20", "103 10")}, SPOT)
    ticks(first, 100, 100, 99, 99, symbol=SPOT)
    assert resting(first, SPOT) == ["sell 103 10 ask"]
    second = run_of(
        {}, SPOT, portfolio=STOPPED, account=first.system.books.snapshot(), run_id="next"
    )
    ticks(second, 99, 99, 99, 99, begin=10, symbol=SPOT)
    placed = [e.order.quantity for e in second.of(OrderInitialized)]
    assert placed == [10, 20]
    assert stops(second, SPOT) == ["20"]
    assert resting(second, SPOT) == []
    second.check()


# --- what risk says ------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", BY)
def test_bids_rest_on_where_a_stop_binds_the_coins_of_the_asks(by: str) -> None:
    run = run_with(SPOT, by, said=quote("99 10, 98 10"))
    Scripted.script[4] = quote("98 10, 97 10", "102 10")
    ticks(run, 100, 100, 99, 99, 99, 99, symbol=SPOT)
    assert run.of(QuotesDenied) == []
    assert stops(run, SPOT) == ["10"]
    assert resting(run, SPOT) == ["buy 98 10 bid", "buy 97 10 bid"]
    run.check()
