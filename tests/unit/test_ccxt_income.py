"""The income history as it is told by pages: every row, once, whatever pages and windows tear apart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fixtures.loopback_venue import SYMBOL, VenueHarness, venue_harness
from tests.fixtures.rows import each_row
from tradectl.domain.errors import NotExecuted, VenueRefusal
from tradectl.domain.event import CloseCause, IncomeKind
from tradectl.domain.time import DAY, MILLISECOND
from tradectl.exchange.ccxt_venue.report_parser import ReportParser
from tradectl.exchange.ccxt_venue.tables import table_of
from tradectl.exchange.venue import VenueIncome

DAY_MS = DAY // MILLISECOND
NO_MARKETS: Any = None
"""None of them is asked."""
LIQUIDATED = CloseCause.LIQUIDATION


@pytest.fixture
async def futures() -> AsyncIterator[VenueHarness]:
    async with venue_harness("perpetual", requests_per_second=10_000) as opened:
        yield opened


def pay(of: VenueHarness, ms: int, kind: str = "FUNDING_FEE", **how: Any) -> None:
    of.exchange.pay(kind, "-1", symbol=SYMBOL, at_ms=ms, told=False, **how)


async def told(of: VenueHarness, days: int = 1) -> list[VenueIncome]:
    now = of.exchange.now_ms() * MILLISECOND
    return await of.venue.income(now - days * DAY, now + DAY)


async def test_a_row_is_told_with_its_id_its_kind_and_its_time(futures: VenueHarness) -> None:
    at = futures.exchange.now_ms() - 5
    pay(futures, at)
    (row,) = await told(futures)
    assert row == VenueIncome(
        f"FUNDING_FEE:9689322392:{SYMBOL}:USDT", IncomeKind.FUNDING, row.amount, "USDT",
        at * MILLISECOND, SYMBOL, "FUNDING_FEE",
    )  # fmt: skip
    assert row.amount == -1


@pytest.mark.parametrize("count", [999, 1_000, 1_001, 2_500])
@pytest.mark.parametrize("moments", [1, 3, 10_000])
async def test_no_row_is_lost_at_the_end_of_a_page(
    futures: VenueHarness, count: int, moments: int
) -> None:
    begin = futures.exchange.now_ms() - 3_600_000
    for number in range(count):
        pay(futures, begin + number * moments // count)
    rows = await told(futures)
    assert len({row.income_id for row in rows}) == len(rows) == count


async def test_rows_told_twice_are_one(futures: VenueHarness) -> None:
    for _ in range(700):
        pay(futures, futures.exchange.now_ms() - 5, shown=2)
    assert len(await told(futures)) == 700


async def test_what_trades_made_is_left_out_and_shares_its_id_with_nothing(
    futures: VenueHarness,
) -> None:
    await futures.submit("buy", "1")
    await futures.submit("sell", "1")
    assert {row.kind for row in futures.exchange.accounts["main"].futures.income.rows} == {
        "COMMISSION",
        "REALIZED_PNL",
    }
    pay(futures, futures.exchange.now_ms())
    assert [row.told for row in await told(futures)] == ["FUNDING_FEE"]


async def test_weeks_are_asked_for_in_windows(futures: VenueHarness) -> None:
    now = futures.exchange.now_ms()
    for day in range(59):
        pay(futures, now - day * DAY_MS)
    assert len(await told(futures, 59)) == 59
    assert len(futures.exchange.truth.requests("GET", "/fapi/v1/income")) == 9


async def test_further_back_than_it_tells_nothing_is_asked(futures: VenueHarness) -> None:
    await told(futures, 4_000)
    asked = futures.exchange.truth.requests("GET", "/fapi/v1/income")
    assert len(asked) == 13  # 89 days and one to come


async def test_a_kind_that_nobody_knows_is_told_as_none(futures: VenueHarness) -> None:
    pay(futures, futures.exchange.now_ms(), "AUTO_EXCHANGE")
    (row,) = await told(futures)
    assert (row.kind, row.told) == (None, "AUTO_EXCHANGE")


@pytest.mark.parametrize("fault", ["html", "truncated", "empty", "503"])
async def test_an_answer_that_is_none_is_told(futures: VenueHarness, fault: str) -> None:
    futures.exchange.misbehave(fault, path="income")
    with pytest.raises(NotExecuted):
        await told(futures)


async def test_on_spot_no_income_is_told_of() -> None:
    async with venue_harness("spot") as spot:
        assert not spot.venue.abilities.income
        with pytest.raises(VenueRefusal):
            await spot.venue.income(0, 1)


@each_row(
    ("client_id", "cause"),
    [
        ("autoclose-1596107620040000020", CloseCause.LIQUIDATION),
        ("adl_autoclose", CloseCause.ADL),
        ("settlement_autoclose-17", CloseCause.SETTLEMENT),
        ("web_autoclose", None),
        ("", None),
    ],
)
def test_an_order_of_the_exchange_is_known_by_its_client_id(
    client_id: str, cause: CloseCause | None
) -> None:
    parser = ReportParser(NO_MARKETS, table_of("binance").quirks)
    assert parser._forced(client_id, {}) is cause


@each_row(
    ("exchange", "info", "cause"),
    [
        ("bybit", {"execType": "AdlTrade"}, CloseCause.ADL),
        ("bybit", {"execType": "BustTrade"}, CloseCause.LIQUIDATION),
        ("bybit", {"execType": "Trade"}, None),
        ("okx", {"category": "adl"}, CloseCause.ADL),
        ("okx", {"category": "partial_liquidation"}, CloseCause.LIQUIDATION),
        ("okx", {"category": "normal"}, None),
        ("hyperliquid", {"dir": "Auto-Deleveraging"}, CloseCause.ADL),
        ("hyperliquid", {"dir": "Liquidated Cross Long"}, CloseCause.LIQUIDATION),
        (
            "hyperliquid",
            {"dir": "Close Long", "liquidation": {"liquidatedUser": "0xA1"}},
            LIQUIDATED,
        ),
        # it took the other side of somebody's liquidation
        ("hyperliquid", {"dir": "Open Long", "liquidation": {"liquidatedUser": "0xb2"}}, None),
        ("hyperliquid", {"dir": "Open Long", "liquidation": "0xa1"}, None),
        ("bybit", {"liquidation": {"liquidatedUser": "0xa1"}}, None),
        ("kraken", {"category": "adl"}, None),
    ],
)
def test_other_exchanges_say_it_in_the_order_or_the_fill(
    exchange: str, info: dict[str, Any], cause: CloseCause | None
) -> None:
    parser = ReportParser(NO_MARKETS, table_of(exchange).quirks, "0xa1")
    assert parser._forced("x", info) is cause
