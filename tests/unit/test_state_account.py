"""An account can be dumped, restored and hashed: equal accounts have equal hashes, others do not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.fixtures.books import PERP, RUN, SPOT, Ledger, cancel, fill, report, tick
from tests.fixtures.rows import each_row
from tradectl.domain.allocation import Allocated
from tradectl.domain.brackets import BracketState, Trail
from tradectl.domain.events import (
    EmergencyStopReceived,
    OrderAccepted,
    OrderCanceled,
    RestrictionKind,
    SymbolRestricted,
    TimerFired,
)
from tradectl.domain.instruments import Instrument
from tradectl.domain.market_history import MarketHistory
from tradectl.domain.money import ONE
from tradectl.domain.orders import OrderStatus
from tradectl.domain.positions import Position
from tradectl.domain.quotes import QuoteLevel, QuoteSet
from tradectl.domain.refusals import RefusalCause, next_refusal
from tradectl.domain.shares import StrategyTarget
from tradectl.domain.states import TradingState
from tradectl.state.account import Account, ChangedRules, DayStart, Pause, StrategyTotals
from tradectl.state.books import Books
from tradectl.state.readings import Readings


def busy_ledger(prefix: str = f"{RUN}-") -> Ledger:
    """Positions, working orders in several statuses, a partial fill, marks, two strategies."""
    ledger = Ledger()
    ledger.tell(tick("100"), tick("100.50", PERP), TimerFired(name="risk"))
    ledger.trade(f"{prefix}1-1", "buy 3@100.10", fee="0.0300", strategy="a")
    ledger.trade(f"{prefix}2-1", "sell 1@101", fee="0.01", strategy="b")
    ledger.trade(f"{prefix}3-1", "sell 2@100.5", PERP, strategy="a")
    ledger.work(f"{prefix}4-1", "buy 4").work(f"{prefix}5-1", "sell 1", PERP)
    ledger.tell(
        report(f"{prefix}4-1", OrderAccepted, venue="v9"),
        fill(f"{prefix}4-1.1", f"{prefix}4-1", "buy 1@99", fee="0.0099"),
        cancel(f"{prefix}5-1", PERP),
        tick("99.0"),
    )
    return ledger


def snapshot() -> Account:
    return busy_ledger().books.snapshot()


def through_json(account: Account) -> Account:
    return Account.load(msgspec.json.decode(msgspec.json.encode(account.dump())))


# --- dump and load -----------------------------------------------------------------------------------


def test_an_account_comes_back_from_its_dump_equal_and_with_the_same_hash() -> None:
    account = snapshot()
    assert through_json(account) == account
    assert through_json(account).hash(RUN) == account.hash(RUN)


def test_restored_books_answer_as_the_first_ones_did() -> None:
    ledger = busy_ledger()
    again = Books(through_json(ledger.books.snapshot()), ledger.books.instruments)
    for ask in (
        Books.equity,
        Books.exposure,
        lambda books: books.margin().initial(),
        Books.drawdown,
        Books.working_orders,
        Books.positions,
        lambda b: b.working_in(SPOT).coming,
        lambda b: b.mark(PERP),
    ):
        assert ask(again) == ask(ledger.books)
    assert again.state_hash(RUN) == ledger.hash()


def test_a_restored_working_order_goes_on_where_it_was() -> None:
    ledger = busy_ledger()
    again = Ledger(through_json(ledger.books.snapshot()))
    for one in (ledger, again):
        one.tell(fill(f"{RUN}-4-1.1", f"{RUN}-4-1", "buy 1@99", fee="0.0099"))
        one.tell(fill(f"{RUN}-4-1.2", f"{RUN}-4-1", "buy 3@98", fee="0.03"))
    assert again.books.account.duplicates == 1
    assert again.hash() == ledger.hash()


def test_a_late_fill_does_not_change_a_snapshot_taken_before_it() -> None:
    ledger = Ledger().work("o1", "buy 2")
    ledger.tell(report("o1", OrderCanceled))
    taken = ledger.books.snapshot()
    dumped = taken.dump()
    ledger.tell(fill("t1", "o1", "buy 1@100"))
    assert taken.dump() == dumped


def test_a_snapshot_keeps_its_marks_and_mode_when_the_books_go_on() -> None:
    ledger = busy_ledger()
    taken = ledger.books.snapshot()
    dumped, hashed = taken.dump(), taken.hash(RUN)
    ledger.tell(tick("1"), EmergencyStopReceived())
    assert (taken.dump(), taken.hash(RUN)) == (dumped, hashed)


def test_a_snapshot_keeps_its_positions_and_orders_when_the_books_go_on() -> None:
    ledger = busy_ledger()
    taken = ledger.books.snapshot()
    dumped = taken.dump()
    ledger.tell(fill("late", f"{RUN}-4-1", "buy 1@98"))
    assert taken.dump() == dumped


def test_decimals_are_strings_in_a_dump() -> None:
    dumped = snapshot().dump()
    assert isinstance(dumped["cash"], str)
    assert dumped["positions"][SPOT]["quantity"] == "3"
    assert dumped["marks"] == {SPOT: "99.0", PERP: "100.50"}


@each_row(
    "junk",
    [
        {},
        {"account_id": "x"},
        {"account_id": "x", "currency": "USDT", "initial_cash": "1", "cash": "abc"},
        {"account_id": "x", "currency": "USDT", "initial_cash": "1", "cash": "1", "surprise": 1},
        {
            "account_id": "x",
            "currency": "USDT",
            "initial_cash": "1",
            "cash": "1",
            "trading_state": "odd",
        },
        [],
        None,
    ],
)
def test_what_is_no_account_is_refused(junk: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        Account.load(junk)


# --- the hash ----------------------------------------------------------------------------------------


def test_the_hash_is_taken_of_sorted_json_with_plain_decimals() -> None:
    """Change this only together with the journal's format: recorded hashes would not match."""
    account = Account.open("a", "USDT", Decimal("100.50"))
    told = (
        b'{"account_id":"","allocation":null,"applied":{},"brackets":{},"candles":{},"cash":"100.5","closing":{},"configured":[],'
        b'"currency":"USDT","day":0,'
        b'"day_start_equity":"100.5",'
        b'"denied_count":0,"duplicates":0,"fills_count":0,"finished":[],'
        b'"funded_until":{},"funding":"0","held_time":"",'
        b'"high_water":"100.5","history":null,"holdings":{},"initial_cash":"100.5",'
        b'"insurance":"0","interest":"0","lifted_stops":{},"marks":{},'
        b'"max_drawdown":"0","measured_at":0,"measured_equity":"100.5","opened_at":0,'
        b'"orders":[],"orders_count":0,"other_days":[],"pauses":{},"peak_equity":"100.5","positions":{},'
        b'"protection_dropped":false,"quotes":{},"readings":null,"rebates":"0","reconciliation":null,'
        b'"refused_entries":{},"refused_exits":{},'
        b'"risk":{"closed_at":0,"closes":{},"day_high":"0","executions":{},"losing":"0",'
        b'"losing_trips":0,"messages":[],"opened":{},"priced":[],"ranges":{},"run_high":"0","run_start":"0",'
        b'"sizes":{},"volatile":{}},"rules":{},"state_since":0,'
        b'"strategies":{},"targets":{},"trading_state":"RUNNING",'
        b'"trading_state_reason":"","turnover":"0"}'
    )
    assert account.hash("run") == hashlib.sha256(told).hexdigest()


def test_the_names_of_runs_make_no_difference() -> None:
    one, other = busy_ledger("run1-"), busy_ledger("other-")
    other.books.account.account_id = "other"
    assert one.books.state_hash("run1") == other.books.state_hash("other")
    assert one.books.state_hash("run1") != other.books.state_hash("run1")


def test_the_spelling_of_a_number_makes_no_difference() -> None:
    account, spelled = snapshot(), snapshot()
    spelled.cash = spelled.cash.quantize(Decimal("1e-20"))
    spelled.marks = {symbol: mark + Decimal("0.000") for symbol, mark in spelled.marks.items()}
    assert spelled.hash(RUN) == account.hash(RUN)


def test_the_order_of_the_tables_makes_no_difference() -> None:
    account, turned = snapshot(), snapshot()
    for name in ("positions", "marks", "strategies"):
        table = getattr(turned, name)
        setattr(turned, name, dict(reversed(table.items())))
    assert turned.hash(RUN) == account.hash(RUN)


def test_a_zero_that_was_computed_is_a_zero() -> None:
    account, computed = snapshot(), snapshot()
    computed.turnover -= computed.turnover
    account.turnover = Account.open("x", "USDT", Decimal(1)).turnover
    assert account == computed
    assert account.hash(RUN) == computed.hash(RUN)


def _order(account: Account) -> Any:
    return account.orders[0]


CHANGES: dict[str, Callable[[Account], Any]] = {
    "currency": lambda a: setattr(a, "currency", "EUR"),
    "cash": lambda a: setattr(a, "cash", a.cash + Decimal("1e-10")),
    "initial cash": lambda a: setattr(a, "initial_cash", a.initial_cash + 1),
    "position": lambda a: a.positions.update({SPOT: Position(SPOT, Decimal(3), Decimal(1))}),
    "another position": lambda a: a.positions.update({"X": Position("X")}),
    "mark": lambda a: a.marks.update({SPOT: Decimal("99.1")}),
    "order status": lambda a: setattr(_order(a), "status", OrderStatus.UNKNOWN),
    "order filled": lambda a: setattr(_order(a), "filled", Decimal("1.5")),
    "order trades": lambda a: _order(a).trades.update(t=None),
    "order reason": lambda a: setattr(_order(a), "reason", "other"),
    "venue id": lambda a: setattr(_order(a), "venue_order_id", "v10"),
    "an order less": lambda a: a.orders.pop(),
    "a finished order less": lambda a: a.finished.pop(),
    "finished order reason": lambda a: setattr(a.finished[0], "reason", "other"),
    "trading state": lambda a: setattr(a, "trading_state", TradingState.PAUSED),
    "trading state reason": lambda a: setattr(a, "trading_state_reason", "x"),
    "another cause of a pause": lambda a: a.pauses.update(DRAWDOWN=Pause("x", 5)),
    "since when": lambda a: setattr(a, "state_since", 5),
    "dropped protection": lambda a: setattr(a, "protection_dropped", True),
    "rules that changed": lambda a: a.rules.update(
        {SPOT: ChangedRules(Instrument(SPOT, "USDT", ONE, ONE, ONE), 1)}
    ),
    "a refused exit": lambda a: a.refused_exits.update(
        {SPOT: next_refusal(None, RefusalCause.OTHER, "no", 0)}
    ),
    "a refused entry": lambda a: a.refused_entries.update(
        {SPOT: next_refusal(None, RefusalCause.OTHER, "no", 0)}
    ),
    "a bracket": lambda a: a.brackets.update({SPOT: {"a": BracketState(trail=Trail(ONE, True))}}),
    "a lifted stop": lambda a: a.lifted_stops.update({SPOT: ONE}),
    "a close by hand": lambda a: a.closing.update({SPOT: "by hand"}),
    "peak": lambda a: setattr(a, "peak_equity", a.peak_equity + 1),
    "high water": lambda a: setattr(a, "high_water", a.high_water + 1),
    "readings": lambda a: setattr(a, "readings", Readings(peak=Decimal(7))),
    "largest drawdown": lambda a: setattr(a, "max_drawdown", a.max_drawdown + Decimal("0.1")),
    "day start": lambda a: setattr(a, "day_start_equity", a.day_start_equity + 1),
    "day": lambda a: setattr(a, "day", a.day + 1),
    "another day": lambda a: setattr(a, "other_days", (DayStart(1, ONE, 5),)),
    "when it was measured": lambda a: setattr(a, "measured_at", 5),
    "last measure": lambda a: setattr(a, "measured_equity", a.measured_equity + 1),
    "orders count": lambda a: setattr(a, "orders_count", 99),
    "denied count": lambda a: setattr(a, "denied_count", 99),
    "fills count": lambda a: setattr(a, "fills_count", 99),
    "duplicates": lambda a: setattr(a, "duplicates", 99),
    "turnover": lambda a: setattr(a, "turnover", a.turnover + 1),
    "funding": lambda a: setattr(a, "funding", a.funding + 1),
    "when it was paid": lambda a: a.funded_until.update({PERP: 1}),
    "when candles opened": lambda a: setattr(a, "opened_at", 5),
    "an open candle": lambda a: a.candles.update({SPOT: True}),
    "insurance": lambda a: setattr(a, "insurance", a.insurance + 1),
    "interest": lambda a: setattr(a, "interest", a.interest + 1),
    "rebates": lambda a: setattr(a, "rebates", a.rebates + 1),
    "income booked": lambda a: a.at_exchange().income.book("x", "1", 7),
    "held": lambda a: a.at_exchange().restrict(
        SymbolRestricted(symbol=SPOT, kind=RestrictionKind.STALE)
    ),
    "strategy": lambda a: a.strategies.update({"c": StrategyTotals(orders=1)}),
    "strategy's fills": lambda a: setattr(a.strategies["a"], "fills", 99),
    "strategy's holding": lambda a: a.holdings[SPOT].update(c=Position(SPOT, Decimal(1))),
    "strategy's target": lambda a: a.targets.update({SPOT: {"c": StrategyTarget("c", ONE, ONE)}}),
    "quotes": lambda a: a.quotes.update({SPOT: {"c": QuoteSet((QuoteLevel(ONE, ONE, "bid"),))}}),
    "history": lambda a: setattr(a, "history", MarketHistory(closes={SPOT: (ONE,)})),
    "weights": lambda a: setattr(a, "allocation", Allocated(weights={SPOT: ONE})),
    "what limits remember": lambda a: a.risk.messages.append(7),
    "configured": lambda a: setattr(a, "configured", ("b", "a")),
    "applied settings": lambda a: a.applied.update({"risk.max_leverage": "2"}),
}


def test_everything_else_makes_a_difference() -> None:
    unchanged = snapshot().hash(RUN)
    for what, change in CHANGES.items():
        changed = snapshot()
        change(changed)
        assert changed.hash(RUN) != unchanged, what


def test_every_field_of_an_account_is_among_the_changes_tried() -> None:
    """So that a new field is not left out of the hash by an oversight."""
    tried: set[str] = set()
    for change in CHANGES.values():
        account, changed = snapshot().dump(), snapshot()
        change(changed)
        dumped = changed.dump()
        tried |= {name for name in {*account, *dumped} if account.get(name) != dumped.get(name)}
    assert tried == {*Account.__struct_fields__} - {"account_id", "held_time"}


def test_for_how_long_entries_were_held_back_makes_no_difference() -> None:
    """Each restart adds to it."""
    account, changed = snapshot(), snapshot()
    changed.held_time.add("paused", 7)
    assert changed.dump() != account.dump()
    assert changed.hash(RUN) == account.hash(RUN)


def test_a_strategy_whose_name_begins_like_the_run_is_another_one() -> None:
    account, changed = snapshot(), snapshot()
    account.strategies["fast"] = StrategyTotals(orders=1)
    changed.strategies[f"{RUN}-fast"] = StrategyTotals(orders=1)
    assert changed.hash(RUN) != account.hash(RUN)
