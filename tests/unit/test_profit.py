"""What an account made by day, week and month adds up to its own figures, to the last digit.

The dice of `test_analysis_adds_up`: spot and a perpetual that pays funding, three runs, strategies that
share an account. First in, first out is worked out here once more, lot by lot.
"""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Iterator
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.fixtures.journal import HEADER
from tests.fixtures.rows import each_row
from tests.profiles import in_turn
from tests.unit.test_analysis_adds_up import paying_funding
from tests.unit.test_strategies_add_up import (
    PERPETUAL,
    START,
    commands,
    settings_of,
    strategy,
    ticks,
)
from tradectl.analysis.profit import MISSING, Periods, Profit, ProfitByPeriod
from tradectl.analysis.profit_words import By, Lots, Per
from tradectl.bus.clock import DataClock
from tradectl.cli.output.pnl import _money
from tradectl.domain.events import EmergencyStopReceived, OrderFilled, Record
from tradectl.domain.money import ZERO, less_exactly, plus_exactly
from tradectl.domain.time import DAY, HOUR, MINUTE, SECOND, from_iso, zone
from tradectl.journal.writer import Header
from tradectl.state.account import INCOME, Account
from tradectl.state.books import Books
from tradectl.system.trading_system import TradingSystem, on_paper

D = Decimal
Run = tuple[Header, list[Record]]

__all__ = ["strategy"]


def traded(seed: int, strategy: str) -> tuple[list[Run], Books]:
    """Three runs of one account, a day and more between them, and its books at the end."""
    dice = random.Random(seed)
    settings = paying_funding(settings_of(dice, strategy))
    account, at = Account.open("", "USDT", D(100_000)), START - START % DAY + 23 * HOUR
    runs: list[Run] = []
    for number in range(3):
        header = replace(HEADER, config=settings.dump(), state=account.dump())
        system = TradingSystem(
            settings, account, f"r{number}", DataClock(), gateway=on_paper(settings)
        )
        system.open()
        records: list[Record] = []
        for tick in ticks(dice, dice.randint(100, 250), at + 59 * MINUTE):
            said = commands(dice)
            records += system.apply(*([said] if said else []), tick)
        if number == 2 and seed % 2:
            records += system.apply(EmergencyStopReceived(reason="dice", flatten=True))
        at += DAY * dice.choice([1, 9])
        runs.append((header, records))
        account = Account.load(system.books.snapshot().dump())
    return runs, system.books


def profit_of(
    runs: list[Run],
    by: By = By.DAY,
    lots: Lots = Lots.AVERAGE,
    per: Per | None = None,
    name: str = "UTC",
) -> dict[tuple[str, str], Profit]:
    found = ProfitByPeriod(Periods(by, zone(name)), lots, per)
    for header, records in runs:
        found.take(header, records)
    return found.rows


def total(rows: dict[tuple[str, str], Profit]) -> Profit:
    made = Profit()
    for row in rows.values():
        made.add_all(row)
    return made


@pytest.mark.parametrize("seed", in_turn(range(80), 80))
def test_every_way_of_cutting_it_adds_up_to_the_account(seed: int, strategy: str) -> None:
    runs, books = traded(seed, strategy)
    gained = books.profit()
    for by in By:
        for name in ("UTC", "Asia/Tokyo", "America/St_Johns"):
            made = total(profit_of(runs, by, name=name))
            assert made.realized == books.realized()
            assert made.unrealized == books.unrealized()
            assert made.fees == books.fees()
            assert [getattr(made, line) for line in INCOME] == [
                getattr(books.account, line) for line in INCOME
            ]
            assert made.pnl == gained
            assert made.fills == books.account.fills_count
    for per in Per:
        for lots in Lots:
            made = total(profit_of(runs, lots=lots, per=per))
            assert (made.pnl, made.fees, made.funding) == (
                gained, books.fees(), books.account.funding,
            )  # fmt: skip
    for rows in (profit_of(runs), profit_of(runs, lots=Lots.FIFO)):
        assert MISSING not in {period for period, _ in rows}
    by_symbol = profit_of(runs, per=Per.SYMBOL)
    for symbol, position in books.account.positions.items():
        mine = {key: row for key, row in by_symbol.items() if key[1] == symbol}
        assert total(mine).realized == position.realized


@pytest.mark.parametrize("seed", in_turn(range(80), 80))
def test_first_in_first_out_sells_the_oldest(seed: int, strategy: str) -> None:
    runs, books = traded(seed, strategy)
    realized: dict[str, Decimal] = defaultdict(Decimal)
    lots: dict[str, deque[tuple[Decimal, Decimal]]] = defaultdict(deque)
    for event in fills(runs):
        left, held = event.side.signed(event.quantity), lots[event.symbol]
        while left and held and (held[0][0] > 0) != (left > 0):
            quantity, price = held.popleft()
            closed = min(abs(quantity), abs(left)).copy_sign(quantity)
            gained = closed * (event.price - price)
            realized[event.symbol] = plus_exactly(realized[event.symbol], gained)
            left += closed
            if quantity != closed:
                held.appendleft((quantity - closed, price))
        if left:
            held.append((left, event.price))
    found = profit_of(runs, lots=Lots.FIFO, per=Per.SYMBOL)
    for symbol in books.account.positions:
        mine = total({key: row for key, row in found.items() if key[1] == symbol})
        assert mine.realized == realized[symbol]
        position = books.position(symbol)
        flow = plus_exactly(position.realized, position.unrealized(books.price_of(symbol)))
        assert mine.unrealized == less_exactly(flow, realized[symbol])


def fills(runs: list[Run]) -> Iterator[OrderFilled]:
    for _, records in runs:
        for record in records:
            if isinstance(record.event, OrderFilled):
                yield record.event


def test_a_run_whose_journal_is_gone_is_in_a_line_of_its_own(strategy: str) -> None:
    runs, books = traded(2, strategy)
    for left in (runs[1:], runs[2:], [runs[0], runs[2]]):
        rows = profit_of(left)
        assert total(rows).pnl == books.profit()
        assert (MISSING, "") in rows


@each_row(
    ("by", "name", "moment", "period", "ends"),
    [
        ("day", "UTC", "2026-03-29T23:59:59Z", "2026-03-29", "2026-03-30T00:00:00Z"),
        ("day", "Europe/Berlin", "2026-03-28T23:30:00Z", "2026-03-29", "2026-03-29T22:00:00Z"),
        ("day", "Europe/Berlin", "2026-10-24T22:30:00Z", "2026-10-25", "2026-10-25T23:00:00Z"),
        ("week", "UTC", "2027-01-01T12:00:00Z", "2026-W53", "2027-01-04T00:00:00Z"),
        ("month", "UTC", "2026-12-31T23:59:59Z", "2026-12", "2027-01-01T00:00:00Z"),
        ("month", "America/New_York", "2026-02-01T04:00:00Z", "2026-01", "2026-02-01T05:00:00Z"),
    ],
)
def test_days_are_those_of_the_zone(
    by: str, name: str, moment: str, period: str, ends: str
) -> None:
    found, end = Periods(By(by), zone(name)), from_iso(ends)
    found.go_to(from_iso(moment))
    assert found.name == period
    assert (found.holds(end - 1), found.holds(end)) == (True, False)
    assert found.holds(from_iso(moment))
    assert not found.holds(end - 32 * DAY)
    assert end % SECOND == 0


@each_row("name", ["Nowhere/Atall", "../etc/passwd", "", "/etc/localtime", "a\0b"])
def test_no_other_zone_is_one(name: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        zone(name)


def test_money_that_no_fill_made_is_where_it_came_about(strategy: str) -> None:
    runs, books = traded(1, strategy)
    rows = profit_of(runs, per=Per.SYMBOL)
    assert books.account.funding != ZERO
    assert {symbol for (_, symbol), row in rows.items() if row.funding} == {PERPETUAL}


def test_people_read_it_spelled_as_elsewhere() -> None:
    assert [_money(name, 5).name for name in ("realized", "unrealized")] == [
        "realised",
        "unrealised",
    ]
