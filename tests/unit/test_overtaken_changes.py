"""What fills after its cancel was asked for, or beside an exit, does not stay in the position."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from tests.fixtures.driven import PERPETUAL, Driven, settings_with, trade
from tradectl.config.rules import check
from tradectl.domain.brackets import Bracket
from tradectl.domain.errors import UsageError
from tradectl.domain.events import Command, CommandReceived, MarketDataEvent, OrderInitialized
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.execution.execution_settings import ExecutionSettings
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.risk.limits import RiskLimits
from tradectl.runtime.by_hand import ByHand
from tradectl.strategy.base import Answer, Strategy
from tradectl.strategy.configured import StrategyInstance

D = Decimal
FREE = RiskLimits(
    max_order_notional=None, max_position_notional=None, max_gross_notional=None,
    max_leverage=None, price_collar_pct=None, duplicate_window_ms=0,
)  # fmt: skip


NO_BRACKET = Bracket()


class InAndOut(Strategy):
    """Long at the first trade, out at the one of the given number."""

    out: int = 0

    def start(self) -> None:
        self._trades = 0

    def on_trade(self, trade: MarketDataEvent) -> Answer:
        self._trades += 1
        if self._trades == 1:
            return self.long(1)
        return self.flat() if self._trades == self.out else None


def run_of(
    worked: ExecutionSettings, out: int = 0, latency_ms: int = 0, bracket: Bracket = NO_BRACKET
) -> Driven:
    """Half a minute at one price: no rebalancing helps."""
    own = StrategyInstance(
        "a",
        "InAndOut",
        symbols=(PERPETUAL,),
        allocation=D("0.1"),
        parameters={"out": out},
        bracket=bracket,
    )
    paper = PaperSettings(slippage_bps=D(0), latency_ms=latency_ms, limit_fill="touch")
    run = Driven(
        settings_with(own, risk=FREE, paper=paper, execution=worked), {"InAndOut": InAndOut}
    )
    for second in range(30):
        run.feed(trade(100, second, PERPETUAL))
    return run


def worked(algorithm: str, **parameters: object) -> ExecutionSettings:
    return ExecutionSettings(  # a test's words
        algorithm=algorithm,  # type: ignore[arg-type]
        horizon_seconds=D(10),
        interval_seconds=D("2.5"),
        **parameters,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("how", "out", "latency_ms"),
    [
        (worked("iceberg", visible_share=D("0.3")), 5, 300),
        (worked("twap", exits=True), 6, 0),
        (worked("vwap", volume_profile=(D(1),) * 24), 6, 0),
        (worked("none"), 2, 2_500),
    ],
)
def test_an_exit_takes_what_was_filled_beside_it(
    how: ExecutionSettings, out: int, latency_ms: int
) -> None:
    run = run_of(how, out, latency_ms)
    assert not run.system.books.position(PERPETUAL).quantity
    bought = [e.order for e in run.of(OrderInitialized) if not e.order.reduce_only]
    assert bought
    run.check()


async def test_a_take_profit_is_not_cancelled_by_hand() -> None:
    """It would come back in the same step."""
    run = run_of(worked("none"), bracket=Bracket(take_profit_pct=D(5)))
    (resting,) = run.system.books.working_in(PERPETUAL).take_profits
    run.feed(CommandReceived(command=Command.CANCEL, target=resting, reason="by hand"))
    assert [*run.system.books.working_in(PERPETUAL).take_profits] == [resting]
    run.check()
    by_hand = ByHand(SimpleNamespace(books=run.system.books))  # type: ignore[arg-type]  # all it asks
    with pytest.raises(UsageError, match=rf"{resting} protects ETHUSDT_PERP and would come back"):
        await by_hand.cancel(resting)


def test_plans_go_on_where_execution_is_bound_again() -> None:
    own = StrategyInstance("a", "InAndOut", symbols=(PERPETUAL,), allocation=D("0.1"))
    paper = PaperSettings(slippage_bps=D(0), latency_ms=0)
    run = Driven(
        settings_with(own, risk=FREE, paper=paper, execution=worked("twap")),
        {"InAndOut": InAndOut},
    )
    run.feed(trade(100, 0, PERPETUAL), trade(100, 1, PERPETUAL))
    execution = run.system.execution
    for handler in execution._handlers:
        execution._bus.detach(handler)
    execution._handlers.clear()
    execution.bind()
    for second in range(2, 20):
        run.feed(trade(100, second, PERPETUAL))
    assert run.system.books.position(PERPETUAL).quantity == 20


def test_a_stop_may_rest_further_away_than_the_collar_lets_an_entry() -> None:
    own = StrategyInstance("a", "InAndOut", symbols=(PERPETUAL,), allocation=D("0.1"))
    settings = settings_with(
        own,
        risk=replace(FREE, price_collar_pct=D(5)),
        paper=PaperSettings(slippage_bps=D(0), latency_ms=0),
        portfolio=PortfolioSettings(stop_loss_pct=D(10)),
    )
    check(replace(settings, strategies=(StrategyInstance("e", "ema-cross"),)))
    run = Driven(settings, {"InAndOut": InAndOut})
    run.feed(*(trade(100, second, PERPETUAL) for second in range(3)))
    (stop,) = run.system.books.working_in(PERPETUAL).stops.values()
    assert stop.spec.stop_price == 90
