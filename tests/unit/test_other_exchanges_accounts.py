"""Balances and income of other exchanges, through the real ccxt: the same facts in their own words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.playback import DIALECTS, Facts, Playback, Row, Traded, playback
from tests.playback.server import SYMBOL
from tests.unit.test_moved_by_exchange import Expecting as NoBooks
from tradectl.domain.errors import AccessLost, NotExecuted
from tradectl.domain.event import CloseCause, IncomeKind, SystemEventKind
from tradectl.domain.events import CashMoved, Event, FundingPaid, SystemEvent
from tradectl.domain.instruments import Instruments
from tradectl.domain.money import Side
from tradectl.domain.time import DAY, MILLISECOND
from tradectl.exchange.live.execution_reporter import ExecutionReporter
from tradectl.exchange.live.moved_by_exchange import MovedByExchange
from tradectl.exchange.live.order_tracker import OrderTracker
from tradectl.exchange.venue import Balance

pytestmark = pytest.mark.parametrize("name", DIALECTS)
NOW_MS = 1_796_000_000_000
EVERYWHERE = ("funding", "trade", "transfer_in", "transfer_out", "odd")
KINDS: dict[str, tuple[IncomeKind, tuple[str, ...]]] = {
    "interest": (IncomeKind.INTEREST, ("okx", "bybit")),
    "rebate": (IncomeKind.REBATE, ("bybit", "gate")),
    "insurance": (IncomeKind.INSURANCE, ("okx",)),
}
"""What only some of them tell of as such, and who."""


def losing(**more: Any) -> Facts:
    """A position of ten thousandths of a coin that would lose 40.50 now."""
    return Facts(unrealized=Decimal("-40.5"), used=Decimal(160), coins=Decimal("0.01"), **more)


@pytest.mark.parametrize("unrealized", ["-40.5", "0", "77.25"])
@pytest.mark.parametrize("coins", ["0.01", "-0.01"])
async def test_what_a_position_would_yield_is_no_part_of_the_wallet(
    name: str, unrealized: str, coins: str
) -> None:
    facts = Facts(unrealized=Decimal(unrealized), used=Decimal(160), coins=Decimal(coins))
    async with playback(name, facts) as exchange:
        holdings = await exchange.venue.holdings()
        assert holdings.wallets_known
        assert holdings.balances == {"USDT": 1000}
        assert holdings.positions == {SYMBOL: Decimal(coins)}
        free = facts.equity - 160
        assert holdings.detailed["USDT"] == Balance(facts.wallet, facts.equity, free, Decimal(160))


async def test_a_price_that_moves_moves_no_wallet(name: str) -> None:
    facts = losing()
    async with playback(name, facts) as exchange:
        for cents in range(5):
            facts.unrealized = Decimal("-33.333333333333333") - cents
            assert (await exchange.venue.holdings()).balances == {"USDT": 1000}


async def test_an_account_without_positions_has_a_wallet(name: str) -> None:
    async with playback(name) as exchange:
        holdings = await exchange.venue.holdings()
        assert holdings.balances == {"USDT": 1000}
        assert not holdings.positions
        assert holdings.wallets_known


async def test_an_account_in_hedge_mode_tells_the_side_of_what_it_holds(name: str) -> None:
    facts = losing()
    async with playback(name, facts) as exchange:
        facts.hedged = True
        holdings = await exchange.venue.holdings()
        ((symbol, held),) = holdings.positions.items()
        assert holdings.sides[symbol].of(held) == held
        assert exchange.venue.hedged == {symbol}


async def test_every_kind_of_income_is_told_as_what_it_is(name: str) -> None:
    told = {kind: what for kind, (what, who) in KINDS.items() if name in who}
    told |= {
        "funding": IncomeKind.FUNDING,
        "transfer_in": IncomeKind.TRANSFER,
        "transfer_out": IncomeKind.TRANSFER,
    }
    rows = [
        Row(kind, "-1.5" if kind not in ("transfer_in", "rebate") else "2.5", NOW_MS - 1000 * age)
        for age, kind in enumerate((*EVERYWHERE, *KINDS))
        if kind in told or kind in EVERYWHERE
    ]
    async with playback(name, Facts(rows=rows)) as exchange:
        assert exchange.venue.abilities.income
        income = await exchange.venue.income((NOW_MS - 60_000) * MILLISECOND, NOW_MS * MILLISECOND)
    expected = [row for row in reversed(rows) if row.kind != "trade"]
    assert [row.kind for row in income] == [told.get(row.kind) for row in expected]
    assert [row.amount for row in income] == [Decimal(row.amount) for row in expected]
    assert [row.ts for row in income] == [row.ms * MILLISECOND for row in expected]
    assert {row.currency for row in income} == {"USDT"}
    by_kind = {row.kind: row.symbol for row in income}
    assert by_kind[IncomeKind.FUNDING] == SYMBOL
    assert by_kind[IncomeKind.TRANSFER] == ""
    assert all(row.told for row in income)


@pytest.mark.parametrize("count", [1, 49, 50, 51, 99, 100, 101, 340])
async def test_no_row_is_lost_or_told_twice_between_pages(name: str, count: int) -> None:
    """Half of them of one moment, and the trades between them fill pages, too."""
    rows = [
        Row("funding" if n % 3 else "trade", f"-{n + 1}", NOW_MS - 1000 * max(n - count // 2, 0))
        for n in range(count)
    ]
    async with playback(name, Facts(rows=rows)) as exchange:
        since = (NOW_MS - 3_600_000) * MILLISECOND
        income = await exchange.venue.income(since, NOW_MS * MILLISECOND)
        again = await exchange.venue.income(since, NOW_MS * MILLISECOND)
    funding = [Decimal(row.amount) for row in rows if row.kind == "funding"]
    assert sorted(row.amount for row in income) == sorted(funding)
    assert len({row.income_id for row in income}) == len(funding)
    assert again == income


async def test_months_are_asked_for_in_windows(name: str) -> None:
    day = DAY // MILLISECOND
    rows = [Row("funding", f"-{n + 1}", NOW_MS - n * day) for n in range(60)]
    async with playback(name, Facts(rows=rows)) as exchange:
        income = await exchange.venue.income(
            (NOW_MS - 70 * day) * MILLISECOND, (NOW_MS + day) * MILLISECOND
        )
    assert len(income) == 60


@pytest.mark.parametrize("coins", ["0.01", "0"])
async def test_an_account_for_everything_that_tells_no_wallet_is_no_mismatch(
    name: str, coins: str
) -> None:
    """Those that tell the equity alone: it is the wallet only while nothing is held."""
    facts = Facts(unified=True, used=Decimal(160), coins=Decimal(coins))
    facts.unrealized = Decimal("-40.5") if facts.coins else Decimal(0)
    async with playback(name, facts) as exchange:
        holdings = await exchange.venue.holdings()
        tells_wallet = name in ("okx", "bybit") or not facts.coins
        assert holdings.wallets_known is tells_wallet
        assert holdings.balances["USDT"] == (1000 if tells_wallet else Decimal("959.5"))


async def test_the_purse_of_an_isolated_position_is_part_of_the_wallet(name: str) -> None:
    async with playback(name, losing(isolated=Decimal(160))) as exchange:
        assert (await exchange.venue.holdings()).balances == {"USDT": 1000}


async def test_income_becomes_the_events_that_book_it(name: str) -> None:
    rows = [Row("funding", "-1.5", NOW_MS), Row("transfer_out", "-7", NOW_MS + 1),
            Row("trade", "-3", NOW_MS + 2), Row("odd", "-2", NOW_MS + 3)]  # fmt: skip
    async with playback(name, Facts(rows=rows, coins=Decimal("0.01"))) as exchange:
        posted = await booked(exchange)
        again = await booked(exchange)
    assert len(posted) == 3
    funding = next(event for event in posted if isinstance(event, FundingPaid))
    moved = next(event for event in posted if isinstance(event, CashMoved))
    unknown = next(event for event in posted if isinstance(event, SystemEvent))
    assert (funding.symbol, funding.payment) == (SYMBOL, Decimal("-1.5"))
    assert (moved.kind, moved.symbol) == (IncomeKind.TRANSFER, "")
    assert moved.amount == -7
    assert unknown.kind is SystemEventKind.INCOME_UNKNOWN
    assert "2 USDT" in unknown.message
    ids = {funding.income_id, moved.income_id}
    assert len(ids) == 2
    later = {event.income_id for event in again if isinstance(event, FundingPaid | CashMoved)}
    assert later == ids, "an id stays the same: books take a row once"


async def booked(exchange: Playback) -> list[Event]:
    """What a comparison of the account at `exchange` says."""
    posted: list[Event] = []
    refused: list[AccessLost] = []
    known = Instruments([exchange.venue.instrument(SYMBOL)], known=True)

    def post(event: Event, _at: int) -> None:
        posted.append(event)

    tracker = OrderTracker("x", "account", known)
    reporter = ExecutionReporter("x", (SYMBOL,), post, lambda: None, refused.append)
    moved = MovedByExchange(
        exchange.venue, Expecting(), reporter, "x", (SYMBOL,), known, post, tracker.fee_of,
        tracker.is_tagged, now=lambda: NOW_MS * MILLISECOND, monotonic=lambda: 0.0,
    )  # fmt: skip
    await moved.ask(await exchange.venue.holdings())
    assert not refused
    return posted


class Expecting(NoBooks):
    """Books that have been told all up to an hour ago."""

    def income_until(self) -> int:
        return (NOW_MS - 3_600_000) * MILLISECOND


@pytest.mark.parametrize("count", [1, 20, 21, 50, 51, 100, 101, 230])
async def test_no_fill_is_lost_where_pages_begin_with_the_newest(name: str, count: int) -> None:
    begin = NOW_MS - 3_600_000
    traded = [
        Traded(n, "trade", "buy", "0.01", begin + 1000 * (n // 2)) for n in range(1, count + 1)
    ]
    async with playback(name, Facts(traded=traded)) as exchange:
        fills = await exchange.venue.fills(SYMBOL, begin * MILLISECOND)
    assert [fill.trade_id for fill in fills] == [str(each.number) for each in traded]
    assert {fill.quantity for fill in fills} == {Decimal("0.01")}
    assert {fill.fee for fill in fills} == {Decimal("0.3")}


@pytest.mark.parametrize("cause", [CloseCause.LIQUIDATION, CloseCause.ADL])
async def test_what_the_exchange_closes_is_told_by_its_fill_or_its_order(
    name: str, cause: CloseCause
) -> None:
    kind = {CloseCause.LIQUIDATION: "liquidation", CloseCause.ADL: "adl"}[cause]
    traded = [
        Traded(1, "trade", "buy", "0.03", NOW_MS - 2000),
        Traded(2, kind, "sell", "0.02", NOW_MS - 1000),
    ]
    facts = Facts(traded=traded, coins=Decimal("0.01"))
    async with playback(name, facts) as exchange:
        bought, closed = await exchange.venue.fills(SYMBOL, (NOW_MS - 60_000) * MILLISECOND)
        assert bought.forced is None
        order = await exchange.venue.find(SYMBOL, "", closed.venue_order_id)
        assert order is not None
        assert cause in (closed.forced, order.forced)
        assert (closed.side, closed.quantity) == (Side.SELL, Decimal("0.02"))
        ours = await exchange.venue.find(SYMBOL, "", bought.venue_order_id)
        assert ours is not None
        assert ours.forced is None


async def test_an_answer_without_rows_is_none(name: str) -> None:
    async with playback(name) as exchange:
        exchange.facts.refused = DIALECTS[name].turn_away("0", "odd", 503)
        with pytest.raises(NotExecuted):
            await exchange.venue.income(1, NOW_MS * MILLISECOND)
