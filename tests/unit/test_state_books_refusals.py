"""An event that the books refuse leaves them as they were: what is computed is checked, then swapped."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.books import (
    CASH,
    PERP,
    RUN,
    SPOT,
    Ledger,
    amounts,
    approved,
    cancel,
    denied,
    fill,
    intent,
    report,
    submitted,
    tick,
)
from tests.fixtures.rows import each_row
from tradectl.domain.events import (
    Acceptance,
    AccountReported,
    CancelRejected,
    Event,
    ExecutionEvent,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderOutcomeLost,
    OrderRejected,
    OrderTriggered,
    RestrictionKind,
    SymbolRestricted,
    TimerFired,
)

ORDERS = st.sampled_from(["o1", "o2", "p1", "w1", "w2", "new", "nobody"])
SYMBOLS = st.sampled_from([SPOT, PERP, "ELSEWHERE"])
WORDS: list[type[ExecutionEvent]] = [
    OrderAccepted,
    OrderRejected,
    OrderTriggered,
    OrderCanceled,
    OrderExpired,
    CancelRejected,
    OrderOutcomeLost,
]
FIGURES = st.one_of(
    st.sampled_from(amounts("0", "1", "2.5", "-3", "100", "1E+400", "NaN", "sNaN", "Infinity")),
    st.decimals(-1000, 1000, places=3),
)


@st.composite
def fills(draw: st.DrawFn) -> Event:
    words = draw(st.sampled_from(["buy 1@100", "sell 1@90", "buy 2@101", "sell 3@95"]))
    made = fill(draw(st.sampled_from(["t1", "t2", "o1.1"])), draw(ORDERS), words, draw(SYMBOLS))
    changed: dict[str, Any] = {}
    for name in draw(st.sets(st.sampled_from(["price", "quantity", "fee", "fee_paid"]))):
        changed[name] = draw(FIGURES)
    changed["fee_currency"] = draw(st.sampled_from(["USDT", "COIN", "BNB", ""]))
    return msgspec.structs.replace(made, **changed)


@st.composite
def account_reports(draw: st.DrawFn) -> Event:
    return AccountReported(
        exchange="x",
        positions=draw(st.dictionaries(SYMBOLS, FIGURES, max_size=3)),
        cash=draw(st.one_of(st.none(), FIGURES)),
        tolerance=Decimal(0),
        accept=draw(st.one_of(st.none(), st.sampled_from(Acceptance))),
    )


EVENTS: st.SearchStrategy[Event] = st.one_of(
    fills(),
    fills(),
    account_reports(),
    st.builds(intent, ORDERS, st.just("buy 1"), SYMBOLS),
    st.builds(approved, ORDERS),
    st.builds(submitted, ORDERS),
    st.builds(denied, ORDERS),
    st.builds(cancel, ORDERS),
    st.builds(report, ORDERS, st.sampled_from(WORDS)),
    st.builds(tick, st.sampled_from(["90", "110", "NaN"]), SYMBOLS),
    st.builds(
        SymbolRestricted,
        symbol=SYMBOLS,
        kind=st.sampled_from(RestrictionKind),
        restricted=st.booleans(),
    ),
    st.just(TimerFired(name="risk")),
)


def traded() -> Ledger:
    """Two positions and three working orders."""
    ledger = Ledger()
    ledger.tell(tick("100"), tick("100", PERP))
    ledger.trade("o1", "buy 3@100", fee="0.3").trade("p1", "sell 2@100", PERP)
    ledger.work("o2", "sell 1").work("w1", "buy 2").work("w2", "buy 4", PERP)
    return ledger


def all_of(ledger: Ledger) -> tuple[Any, ...]:
    """The state by its hash, and what is waiting to be projected."""
    books = ledger.books
    orders = {name: (o.status, o.filled, o.reason) for name, o in books.touched.items()}
    return books.state_hash(RUN), orders, list(books.new_fills), books.snapshot()


def is_refused(ledger: Ledger, event: Event) -> bool:
    before = all_of(ledger)
    try:
        ledger.tell(event)
    except Exception:  # whatever it is: a broken number raises what decimals raise
        assert all_of(ledger) == before
        return True
    return False


@given(st.lists(EVENTS, max_size=12))
def test_an_event_that_is_refused_changes_nothing(events: list[Event]) -> None:
    ledger = traded()
    for event in events:
        is_refused(ledger, event)


@each_row(
    "event",
    [
        fill("t", "w1", "buy 3@100"),
        fill("t", "w1", "sell 1@100"),
        fill("t", "w1", "buy 1@100", PERP),
        fill("t", "w1", "buy 1@NaN"),
        fill("t", "w2", "buy 1@sNaN", PERP),
        fill("t", "w1", "buy 1@Infinity"),
        fill("t", "w1", "buy 1@100", fee="NaN"),
        fill("t", "nobody", "buy 1@100"),
        AccountReported(
            exchange="x",
            positions={SPOT: Decimal(9), "NOWHERE": Decimal(1)},
            accept=Acceptance.POSITION,
        ),
        AccountReported(
            exchange="x",
            positions={SPOT: Decimal(9)},
            cash=Decimal("NaN"),
            accept=Acceptance.POSITION,
        ),
        AccountReported(exchange="x", positions={SPOT: Decimal("NaN")}, accept=Acceptance.POSITION),
        AccountReported(
            exchange="x",
            positions={SPOT: Decimal(9)},
            cash=Decimal("NaN"),
            tolerance=Decimal("0.1"),
        ),
        intent("w1", "buy 1"),
        approved("w1"),
        submitted("o1"),
        denied("o1"),
        cancel("o1"),
        report("nobody", OrderAccepted),
    ],
    ids=str,
)
def test_what_is_refused_half_way_leaves_nothing_behind(event: Event) -> None:
    assert is_refused(traded(), event)


def test_what_is_refused_makes_no_strategy_and_takes_no_cash() -> None:
    ledger = Ledger().work("o1", "buy 1", strategy="fresh")
    del ledger.books.account.strategies["fresh"]
    assert is_refused(ledger, fill("t", "o1", "buy 1@NaN"))
    assert ledger.books.account.strategies == {}
    assert ledger.books.cash == CASH
