"""What an exchange will not take: an exit that is refused is an emergency, said at once, tried again ever
later, and over when it succeeds; an entry that is refused is not asked for again and again.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.live_trader import SPOT, Trader, protected, trading
from tests.profiles import in_turn
from tradectl.domain.events import OrderInitialized, OrderRejected
from tradectl.domain.orders import Order, OrderType, TimeInForce
from tradectl.domain.refusals import RefusalCause
from tradectl.domain.states import AlertSeverity
from tradectl.domain.time import SECOND
from tradectl.testkit import LoopbackExchange

FUTURES = "futures"
FOREVER = -1
D = Decimal

pytestmark = [pytest.mark.usefixtures("key_environment"), pytest.mark.virtual_time]

REFUSED = {
    "spot closed": ("spot", -1013, "Market is closed.", RefusalCause.CLOSED),
    "spot coins": (
        "spot", -2010, "Account has insufficient balance for requested action.", RefusalCause.FUNDS
    ),
    "futures margin": (FUTURES, -2019, "Margin is insufficient.", RefusalCause.FUNDS),
    "futures reduce-only": (
        FUTURES, -2022, "ReduceOnly Order is rejected.", RefusalCause.REDUCE_ONLY
    ),
    "futures hedge mode": (
        FUTURES, -4061, "Order's position side does not match user's setting.",
        RefusalCause.POSITION_SIDE,
    ),
}  # fmt: skip


async def insisting(trader: Trader, action: str, done: Any, *, walks: bool = True) -> None:
    """The strategy says it with every trade, fifty of them a second, until something is `done`."""

    def tried() -> bool:
        trader.signal(action)
        if walks:
            trader.exchange.walk(symbols=(SPOT,), market=trader.market, sigma="0.00001")
        return bool(done())

    await trader.until(tried, every=0.02)


def entries(trader: Trader) -> list[Order]:
    return [order for order in trader.orders() if not order.spec.reduce_only]


def times_of_exits(trader: Trader) -> list[int]:
    """When they were ordered, ns."""
    return [
        record.at
        for record in trader.seen
        if isinstance(record.event, OrderInitialized)
        and record.event.order.reduce_only
        and not record.event.order.type.is_stop
    ]


@pytest.mark.parametrize("case", in_turn([*REFUSED], 5))
async def test_a_refused_exit_is_said_at_once_and_tried_ever_later(
    case: str, tmp_path: Path
) -> None:
    market, code, text, cause = REFUSED[case]
    async with LoopbackExchange() as exchange:
        settings = protected(exchange, market)
        async with trading(exchange, tmp_path, settings=settings, market=market) as trader:
            await trader.in_position()
            refusing = exchange.misbehave(
                "error", method="POST", path="*order", params={"type": "MARKET"}, code=code,
                text=text, status=400, count=FOREVER,
            )  # fmt: skip
            await insisting(trader, "close", lambda: refusing.hits)
            await trader.until(lambda: "exit_refused" in trader.alerts())
            alert = trader.alerts()["exit_refused"]
            assert alert.severity is AlertSeverity.CRITICAL
            assert text in alert.message
            (row,) = trader.run.status.now().refused
            assert (row.symbol, row.kind, row.cause) == (SPOT, "exit", cause)
            await trader.until(lambda: trader.stops)
            await insisting(trader, "close", lambda: refusing.hits >= 3)
            first, second, third = times_of_exits(trader)[:3]
            assert second - first >= SECOND
            assert third - second >= 2 * SECOND
            exchange.behave()
            await insisting(trader, "close", lambda: not trader.run.books.open_quantity(SPOT))
            await trader.until(lambda: "exit_refused" not in trader.alerts())
            assert not trader.run.status.now().refused
            await trader.quiet()


async def test_an_exit_at_market_that_is_refused_goes_out_as_another_type_of_order(
    tmp_path: Path,
) -> None:
    async with LoopbackExchange() as exchange:
        settings = protected(exchange, FUTURES)
        async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
            await trader.in_position()
            refusing = exchange.misbehave(
                "error", method="POST", path="*order", params={"type": "MARKET"}, code=-4131,
                text="The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
                status=400, count=FOREVER,
            )  # fmt: skip
            trader.signal("close")
            await trader.until(lambda: not trader.held)
            assert refusing.hits == 1
            closing = [order.spec for order in trader.orders() if order.filled][-1]
            assert (closing.type, closing.time_in_force) == (OrderType.LIMIT, TimeInForce.IOC)
            assert closing.reduce_only
            await trader.until(lambda: "exit_refused" not in trader.alerts())


async def test_a_halt_that_flattens_goes_on_where_its_order_at_market_is_refused(
    tmp_path: Path,
) -> None:
    async with LoopbackExchange() as exchange:
        settings = protected(exchange, FUTURES)
        async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
            await trader.in_position()
            exchange.misbehave(
                "error", method="POST", path="*order", params={"type": "MARKET"}, code=-4131,
                text="The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
                status=400, count=FOREVER,
            )  # fmt: skip
            await trader.run.orchestrator.emergency_stop("the test", flatten=True)
            await trader.until(lambda: not trader.true_position)
            await trader.until(lambda: "exit_refused" not in trader.alerts())


async def test_an_exit_that_is_refused_still_is_said_by_the_next_run_which_goes_on_trying(
    tmp_path: Path,
) -> None:
    async with LoopbackExchange() as exchange:
        settings = protected(exchange, FUTURES)
        refused: dict[str, Any] = {
            "method": "POST", "path": "*order", "params": {"type": "MARKET"}, "code": -2019,
            "text": "Margin is insufficient.", "status": 400, "count": FOREVER,
        }  # fmt: skip
        async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
            await trader.in_position()
            refusing = exchange.misbehave("error", **refused)
            trader.signal("close")
            await trader.until(lambda: refusing.hits >= 2)
        before = refusing.hits
        async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
            assert trader.run.status.now().refused
            await trader.until(lambda: "exit_refused" in trader.alerts())
            assert refusing.hits == before + 1
            exchange.behave()
            await trader.until(lambda: not trader.held)
            await trader.until(lambda: "exit_refused" not in trader.alerts())


# --- entries ------------------------------------------------------------------------------------------


async def test_margin_that_is_missing_for_an_entry_is_said_once_and_not_asked_for_in_a_loop(
    tmp_path: Path,
) -> None:
    async with LoopbackExchange() as exchange:
        settings = protected(exchange, FUTURES)
        async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
            refusing = exchange.misbehave(
                "error", method="POST", path="*order", code=-2019, text="Margin is insufficient.",
                status=400, count=FOREVER,
            )  # fmt: skip
            await insisting(trader, "buy", lambda: len(trader.events(OrderRejected)) >= 3)
            assert refusing.hits == 3
            rejected = [r.at for r in trader.seen if isinstance(r.event, OrderRejected)]
            assert rejected[2] - rejected[0] >= 3 * SECOND
            await trader.until(lambda: "entry_refused" in trader.alerts())
            assert len(trader.said("entry_refused")) == 1
            assert trader.alerts()["entry_refused"].severity is AlertSeverity.WARNING
            exchange.behave()
            trader.signal("close")
            await trader.until(lambda: "entry_refused" not in trader.alerts())
            assert not trader.run.status.now().refused
            await trader.in_position()


async def test_who_would_trade_with_itself_is_over_at_what_was_filled_and_waits(
    tmp_path: Path,
) -> None:
    async with LoopbackExchange() as exchange:
        settings = protected(exchange, FUTURES)
        async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
            engine = exchange.engines[FUTURES]
            engine.prevents_self_trades = True
            exchange.quote(SPOT, "59999", "60001", "0.005", levels=1, market=FUTURES)
            own = exchange.outside_order("main", SPOT, "sell", "1", "60002", market=FUTURES)
            await insisting(trader, "buy", lambda: len(entries(trader)) >= 2, walks=False)
            first, second = entries(trader)[:2]
            assert (first.status, first.filled) == ("expired", D("0.005"))
            assert second.created_at - first.updated_at >= SECOND
            engine.cancel(own)
            exchange.quote(SPOT, "59999", "60001", "10", market=FUTURES)
            await insisting(trader, "buy", lambda: trader.held == D("0.02"), walks=False)
            await trader.quiet_but_for_stops()


async def test_a_thin_book_is_not_emptied_in_a_loop(tmp_path: Path) -> None:
    async with LoopbackExchange() as exchange:
        settings = protected(exchange, FUTURES)
        async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
            await trader.in_position()
            exchange.withdraw_quotes(SPOT, market=FUTURES)
            exchange.quote(SPOT, "59999", "60001", "0.005", levels=1, market=FUTURES)
            trader.signal("close")
            await trader.until(lambda: len(times_of_exits(trader)) >= 2)
            first, second = times_of_exits(trader)[:2]
            assert second - first >= SECOND
            exchange.quote(SPOT, "59999", "60001", "10", market=FUTURES)
            await trader.until(lambda: not trader.held)
            await trader.quiet()
