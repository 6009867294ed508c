"""Money that the exchange moves by itself, on a live run: each kind is booked as what it is, once, and
what is neither income nor a transfer stays a difference.

Every run here is also replayed at its end (see `trading`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.command import journals
from tests.fixtures.live_trader import QUICK, SPOT, Trader, settings_for, trading
from tests.profiles import in_turn
from tests.simulated_os.virtual_time import simulated_system
from tradectl.domain.events import Acceptance, CashMoved, Event, FundingPaid, RestrictionKind
from tradectl.domain.states import TradingState
from tradectl.exchange.base import Accepted
from tradectl.journal.reader import JournalReader
from tradectl.runtime.in_process_reconcile import compare
from tradectl.state.consistency import problems_of
from tradectl.testkit import FOREVER, LoopbackExchange

pytestmark = [pytest.mark.usefixtures("key_environment"), pytest.mark.virtual_time]

PERPETUAL = msgspec.structs.replace(QUICK, market="perpetual")
START = Decimal(100_000)
BALANCE = RestrictionKind.BALANCE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
async def exchange() -> AsyncIterator[LoopbackExchange]:
    async with LoopbackExchange(seed=1) as made:
        yield made


def on(exchange: LoopbackExchange, folder: Path, **limits: Any) -> Any:
    """A run on perpetuals."""
    settings = settings_for(exchange, at=PERPETUAL)
    if limits:
        risk = msgspec.structs.replace(settings.risk, **limits)
        settings = msgspec.structs.replace(settings, risk=risk)
    return trading(exchange, folder, settings=settings, market="futures")


async def hold(trader: Trader, quantity: str = "0.1") -> None:
    assert (await trader.orders_done(trader.buy(quantity))).status == "filled"


async def booked(trader: Trader) -> None:
    """Until the books hold what the exchange's wallet does, to the last digit."""
    await trader.until(lambda: trader.run.books.cash == trader.exchange.wallet())
    await trader.clean()
    account = trader.run.books.snapshot()
    assert problems_of(account, trader.run.books.instruments) == []


def recorded(folder: Path, kind: type[Event]) -> list[Any]:
    """In the journals of all runs."""
    found = []
    for path in journals(folder):
        with JournalReader(path) as journal:
            found += [r.event for r in journal.records() if type(r.event) is kind]
    return found


# --- funding ----------------------------------------------------------------------------------------


async def test_funding_is_booked_as_funding_and_nothing_is_held_back(
    exchange: LoopbackExchange, folder: Path
) -> None:
    async with on(exchange, folder) as trader:
        await hold(trader)
        paid = exchange.fund(SPOT, "0.0001")
        assert paid < 0
        await booked(trader)
        assert trader.run.books.account.funding == paid
        assert trader.run.books.account.strategies[""].funding == paid
        assert BALANCE not in trader.held_for()
    (event,) = recorded(folder, FundingPaid)
    assert event.symbol == SPOT
    assert event.payment == paid


async def test_a_loss_limit_sees_funding(exchange: LoopbackExchange, folder: Path) -> None:
    limits = {"daily_loss_alert_pct": Decimal(1), "daily_loss_pause_pct": Decimal(3)}
    async with on(exchange, folder, **limits) as trader:
        await hold(trader)
        exchange.start_walking()
        await trader.until(lambda: trader.run.books.account.day)  # it has begun
        exchange.pay("FUNDING_FEE", "-5000", symbol=SPOT)
        await trader.until(lambda: trader.run.books.account.funding == -5000)
        await trader.until(lambda: trader.run.books.trading_state is TradingState.PAUSED)
        assert "DAILY_LOSS" in trader.run.books.account.pauses


@pytest.mark.parametrize("shown", [1, 3])
async def test_what_was_moved_while_nothing_ran_is_booked_once(
    exchange: LoopbackExchange, folder: Path, shown: int
) -> None:
    async with on(exchange, folder) as trader:
        await hold(trader)
        first = exchange.fund(SPOT, "0.0001", shown=shown)
        await booked(trader)
    second = exchange.fund(SPOT, "0.0002", shown=shown)
    for _ in range(2):
        async with on(exchange, folder) as trader:
            await booked(trader)
            assert trader.run.books.account.funding == first + second
            assert trader.run.books.account.duplicates == 0
    assert len(recorded(folder, FundingPaid)) == 2


async def test_a_row_that_comes_late_is_waited_for_where_the_stream_has_announced_it(
    exchange: LoopbackExchange, folder: Path
) -> None:
    async with on(exchange, folder) as trader:
        await hold(trader)
        exchange.pay("FUNDING_FEE", "-900", symbol=SPOT, late=8.0)
        await booked(trader)
        assert trader.run.books.account.funding == -900
        assert BALANCE not in trader.held_for()


async def test_a_difference_that_nobody_has_announced_is_named_until_its_row_comes(
    exchange: LoopbackExchange, folder: Path
) -> None:
    async with on(exchange, folder) as trader:
        await hold(trader)
        exchange.pay("FUNDING_FEE", "-900", symbol=SPOT, late=8.0, told=False)
        await trader.until(lambda: BALANCE in trader.restrictions())
        assert trader.run.books.account.funding == 0
        await booked(trader)
        assert trader.run.books.account.funding == -900


async def test_no_row_is_lost_beyond_the_end_of_a_page(
    exchange: LoopbackExchange, folder: Path
) -> None:
    """More rows than a page holds, most of them of one moment, and some of the trades between."""
    async with on(exchange, folder) as trader:
        await hold(trader)
        await booked(trader)
        at = exchange.now_ms()
        for number in range(3_600):
            moment = at + number // 10 if number < 1_200 else at + 500
            exchange.pay("FUNDING_FEE", "-0.01", symbol=SPOT, at_ms=moment, told=False)
        await booked(trader)
        assert trader.run.books.account.funding == -36
    assert len(recorded(folder, FundingPaid)) == 3_600


# --- transfers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", ["-60000", "25000"])
async def test_a_transfer_is_neither_profit_nor_loss(
    exchange: LoopbackExchange, folder: Path, amount: str
) -> None:
    limits = {"daily_loss_alert_pct": Decimal(1), "daily_loss_pause_pct": Decimal(3)}
    async with on(exchange, folder, **limits) as trader:
        await hold(trader)
        books = trader.run.books
        profit, peak, day = books.profit(), books.peak_equity, books.day_start_equity
        moved = Decimal(amount)
        exchange.outside_transfer("main", "USDT", amount, market="futures")
        await booked(trader)
        account = books.account
        assert books.profit() == profit
        assert account.at_exchange().transferred == moved
        assert (books.peak_equity, books.day_start_equity) == (peak + moved, day + moved)
        assert books.trading_state is TradingState.RUNNING
        assert trader.held_for() <= {RestrictionKind.UNRECONCILED}
    (event,) = recorded(folder, CashMoved)
    assert (event.kind, event.amount) == ("transfer", moved)


@pytest.mark.parametrize(
    ("seconds", "accepted"), in_turn([*product((-7200, 7200), (False, True))], 2)
)
async def test_however_this_computers_clock_is_set_income_is_dated_by_the_exchange(
    exchange: LoopbackExchange, folder: Path, seconds: int, accepted: bool
) -> None:
    async with on(exchange, folder) as trader:
        await hold(trader)
        simulated_system().clock.off = seconds
        exchange.skew_clock(-seconds)  # it goes on as before
        exchange.outside_transfer("main", "USDT", "25000", market="futures")
        await booked(trader)
        if accepted:
            await compare(trader.run, Accepted(Acceptance.TRANSFER), confirm=True)
    simulated_system().clock.off = 0
    exchange.skew_clock(0)
    exchange.outside_transfer("main", "USDT", "-700", market="futures")
    async with on(exchange, folder) as trader:
        exchange.outside_transfer("main", "USDT", "8000", market="futures")
        await booked(trader)
        assert trader.run.books.account.at_exchange().transferred == 25_000 - 700 + 8_000


async def test_what_is_neither_income_nor_a_transfer_stays_a_difference_with_its_name(
    exchange: LoopbackExchange, folder: Path
) -> None:
    async with on(exchange, folder) as trader:
        await hold(trader)
        before = trader.run.books.cash
        exchange.pay("AUTO_EXCHANGE", "-4000")
        await trader.until(lambda: BALANCE in trader.restrictions(), 120)
        assert trader.run.books.cash == before
        assert "AUTO_EXCHANGE of -4000" in trader.alerts()["income_unknown"].message
        assert trader.run.books.account.at_exchange().transferred == 0


# --- the other kinds --------------------------------------------------------------------------------


LINES = {
    "FUNDING_FEE": "funding",
    "SPECIAL_FUNDING_FEE": "funding",
    "INSURANCE_CLEAR": "insurance",
    "POSITION_LIMIT_INCREASE_FEE": "interest",
    "COMMISSION_REBATE": "rebates",
    "REFERRAL_KICKBACK": "rebates",
    "API_REBATE": "rebates",
    "WELCOME_BONUS": "rebates",
}


async def test_each_kind_has_a_line_of_its_own(exchange: LoopbackExchange, folder: Path) -> None:
    """Of no symbol, of ours, and of one that we do not trade: a sum tells which are in a line."""
    expected: Counter[str] = Counter()
    async with on(exchange, folder) as trader:
        await hold(trader)
        for number, (kind, symbol) in enumerate(product(LINES, ("", SPOT, "ETHUSDT"))):
            exchange.pay(kind, str(2**number), symbol=symbol)
            expected[LINES[kind]] += 2**number
        await booked(trader)
        account = trader.run.books.account
        for line, paid in expected.items():
            assert getattr(account, line) == paid
            assert sum(getattr(t, line) for t in account.strategies.values()) == paid


async def test_fees_and_profits_of_trades_are_not_booked_twice(
    exchange: LoopbackExchange, folder: Path
) -> None:
    async with on(exchange, folder) as trader:
        await hold(trader)
        await trader.price("61000")
        assert (await trader.orders_done(trader.sell("0.1"))).status == "filled"
        exchange.fund("ETHUSDT", "0.1")
        await booked(trader)
        assert trader.run.books.account.funding == 0
        assert recorded(folder, CashMoved) == []


async def test_an_exchange_that_does_not_tell_of_income_holds_nothing_back_but_differences(
    exchange: LoopbackExchange, folder: Path
) -> None:
    exchange.misbehave("error", path="income", code=-1121, count=FOREVER)
    async with on(exchange, folder) as trader:
        await hold(trader)
        assert "income_failed" in trader.alerts()
        exchange.pay("FUNDING_FEE", "-4000", symbol=SPOT)
        await trader.until(lambda: BALANCE in trader.restrictions(), 59)
        exchange.behave()
        await booked(trader)
        assert trader.run.books.account.funding == -4000
        assert "income_failed" not in trader.alerts()
