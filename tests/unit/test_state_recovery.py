"""Live, folded from the records, or restored from a snapshot: the books come out the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from decimal import Decimal
from itertools import product

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fixtures.books import (
    PERP,
    RUN,
    SPOT,
    LiveRun,
    cancel,
    fill,
    fold,
    intent,
    open_books,
    report,
    tick,
)
from tests.profiles import examples
from tradectl.domain.events import (
    BarEvent,
    BarOpened,
    CancelRejected,
    Command,
    CommandReceived,
    EmergencyStopReceived,
    Event,
    ExecutionEvent,
    LimitBreached,
    OrderAccepted,
    OrderCanceled,
    OrderOutcomeLost,
    OrderRejected,
    Record,
    TimerFired,
)
from tradectl.domain.states import TradingState
from tradectl.domain.time import DAY, HOUR, SECOND
from tradectl.state.account import Account
from tradectl.state.books import Books

WIRE = msgspec.json.Encoder(decimal_format="string")
ORDERS = {
    f"{RUN}-{n}-1": (symbol, side)
    for n, (symbol, side) in enumerate(
        [(SPOT, "buy"), (SPOT, "sell"), (PERP, "sell"), (PERP, "buy"), (SPOT, "buy")], start=1
    )
}
PRICES = st.integers(90, 110).map(str)
KINDS: st.SearchStrategy[type[ExecutionEvent]] = st.sampled_from(
    [OrderAccepted, OrderRejected, OrderCanceled, CancelRejected, OrderOutcomeLost]
)


@st.composite
def trading(draw: st.DrawFn) -> Event:
    """Something about one of the orders: in any sequence, so much of it is late, double or absurd."""
    order_id = draw(st.sampled_from([*ORDERS]))
    symbol, side = ORDERS[order_id]
    match draw(st.sampled_from(["intent", "fill", "fill", "fill", "fill", "report", "cancel"])):
        case "intent":
            return intent(order_id, f"{side} {draw(st.integers(3, 6))}", symbol, side)
        case "fill":
            words = f"{side} {draw(st.integers(1, 3))}@{draw(PRICES)}"
            return fill(f"t{draw(st.integers(1, 6))}", order_id, words, symbol, "0.01")
        case "report":
            return report(order_id, draw(KINDS), symbol, venue=f"v{order_id}")
        case _:
            return cancel(order_id, symbol)


ELSE: st.SearchStrategy[Event] = st.one_of(
    st.builds(tick, PRICES, st.sampled_from([SPOT, PERP]), st.integers(1, 3 * DAY)),
    st.just(TimerFired(name="risk")),
    st.builds(CommandReceived, command=st.sampled_from([Command.PAUSE, Command.RESUME])),
    st.builds(LimitBreached, code=st.just("x"), message=st.just(""), action=st.just("pause")),
)
STREAMS = st.lists(st.one_of(trading(), trading(), trading(), ELSE), min_size=20, max_size=60).map(
    lambda events: [intent(o, f"{side} 5", symbol) for o, (symbol, side) in ORDERS.items()] + events
)


def live(inputs: Iterable[Event]) -> LiveRun:
    run = LiveRun()
    asyncio.run(run.start())
    return run.fold_all(*inputs)


def recorded(run: LiveRun) -> list[Record]:
    """The run's records as a journal would give them back."""
    decode = msgspec.json.Decoder(Record).decode
    return [decode(WIRE.encode(record)) for record in run.records]


def folded(records: Iterable[Record], account: Account | None = None) -> Books:
    return fold(open_books(account), records)


def restored(books: Books) -> Account:
    """As if the snapshot had been stored and read by another process."""
    return Account.load(msgspec.json.decode(msgspec.json.encode(books.snapshot().dump())))


# --- the fold ----------------------------------------------------------------------------------------


@settings(max_examples=examples(20))
@given(STREAMS)
def test_folding_the_records_gives_the_state_of_the_live_run(inputs: list[Event]) -> None:
    run = live(inputs)
    books = folded(recorded(run))
    assert books.snapshot() == run.state.books.snapshot()
    assert books.state_hash(RUN) == run.hash()
    assert books.equity() == run.state.books.equity()


@settings(max_examples=examples(10))
@given(STREAMS)
def test_the_hash_agrees_after_every_input_not_only_at_the_end(inputs: list[Event]) -> None:
    run = LiveRun()
    asyncio.run(run.start())
    books, told = open_books(), 0
    for event in inputs:
        run.fold_all(event)
        fold(books, run.records[told:])
        told = len(run.records)
        assert books.state_hash(RUN) == run.hash()


@settings(max_examples=examples(10))
@given(STREAMS)
def test_folding_twice_from_the_start_is_folding_once(inputs: list[Event]) -> None:
    records = recorded(live(inputs))
    assert folded(records).state_hash(RUN) == folded(records).state_hash(RUN)


def test_an_emergency_stop_among_the_records_is_folded_too() -> None:
    run = live([tick("100", ts=5), EmergencyStopReceived(reason="fire", flatten=True)])
    books = folded(recorded(run))
    assert books.trading_state is run.state.books.trading_state is TradingState.FLATTENING
    assert books.state_hash(RUN) == run.hash()


def test_what_halted_the_live_run_halts_the_fold_and_is_not_booked() -> None:
    overfill = [intent("o1", "buy 2"), fill("t1", "o1", "buy 3@100"), fill("t2", "o1", "buy 1@100")]
    run = live([tick("100", ts=5), *overfill])
    books = folded(recorded(run))
    assert books.account.trading_state_reason.startswith("core_error: ")
    assert books.position(SPOT).quantity == 1
    assert books.state_hash(RUN) == run.hash()


def test_a_fold_knows_how_far_it_came() -> None:
    run = live([tick("100", ts=5), TimerFired(name="nobody's")])
    assert folded(run.records).last_seq == len(run.records) == 2


# --- snapshot and the rest ---------------------------------------------------------------------------


def resumed_everywhere(run: LiveRun) -> list[tuple[int, str]]:
    """The hash when the books are restored from a snapshot after each input and told the rest."""
    records = recorded(run)
    cuts = [record.seq - 1 for record in records if not record.cause]
    return [
        (cut, folded(records[cut:], restored(folded(records[:cut]))).state_hash(RUN))
        for cut in cuts
    ]


@settings(max_examples=examples(10))
@given(st.lists(st.sampled_from(["order", "accept", "fill", "part", "tick", "check"]), max_size=25))
def test_a_snapshot_and_the_rest_of_the_records_give_the_state_of_the_live_run(
    script: list[str],
) -> None:
    """While an exchange reports on working orders only, and these are of one symbol."""
    n, filled = 0, 5
    events: list[Event] = [tick("100", ts=5)]
    for moment, word in enumerate(script):
        order = f"{RUN}-{n}-1"
        if word == "order":
            n, filled = n + 1, 0
            events.append(intent(f"{RUN}-{n}-1", "buy 5" if n % 2 else "sell 5"))
        elif word == "tick":
            events.append(tick(str(100 + moment), ts=5 + moment * DAY // 4))
        elif word == "check":
            events.append(TimerFired(name="risk"))
        elif filled < 5 and word == "accept":
            events.append(report(order, OrderAccepted, venue=f"v{n}"))
        elif filled < 5:
            size = 1 if word == "part" else 5 - filled
            side = "buy" if n % 2 else "sell"
            events.append(fill(f"{order}.{filled}", order, f"{side} {size}@{100 + moment}"))
            filled += size
    run = live(events)
    assert {hashed for _, hashed in resumed_everywhere(run)} == {run.hash()}


def candle(number: int, symbol: str, *, closes: bool, price: str) -> Event:
    opened, at = DAY + number * HOUR, Decimal(price)
    if not closes:
        return BarOpened(symbol=symbol, price=at, volume=at, ts=opened)
    return BarEvent(
        symbol=symbol, open=at, high=at, low=at, price=at, volume=at, ts=opened + HOUR, interval=HOUR
    )  # fmt: skip


@settings(max_examples=examples(10))
@given(st.lists(st.lists(PRICES, min_size=4, max_size=4), min_size=1, max_size=5), st.booleans())
def test_recorded_candles_go_on_after_a_snapshot_wherever_in_a_candle_it_was_taken(
    prices: list[list[str]], checked: bool
) -> None:
    """Two symbols are held, and their candles open and close together: what a drawdown is measured from
    is looked at once, and never inside a candle."""
    events: list[Event] = [intent("o1", "buy 5"), fill("t1", "o1", "buy 5@100")]
    events += [intent("o2", "buy 5", PERP), fill("t2", "o2", "buy 5@100", PERP)]
    for number, paid in enumerate(prices):
        for price, (closes, symbol) in zip(paid, product([False, True], [SPOT, PERP]), strict=True):
            events.append(candle(number, symbol, closes=closes, price=price))
            events += [TimerFired(name="risk")] * checked
    run = live(events)
    assert {hashed for _, hashed in resumed_everywhere(run)} == {run.hash()}
    books, again = run.state.books, open_books(restored(run.state.books))
    for symbol in (SPOT, PERP):
        assert again.awaits_open(symbol) == books.awaits_open(symbol) is True
    assert again.is_inside_bar() == books.is_inside_bar() is False


LATE: dict[str, list[Event]] = {
    "a fill after the cancel": [
        intent("o1", "buy 2"),
        report("o1", OrderCanceled),
        tick("101", ts=2 * SECOND),
        fill("t1", "o1", "buy 1@100"),
    ],
    "a fill told twice": [
        intent("o1", "buy 2"),
        fill("t1", "o1", "buy 2@100"),
        tick("101", ts=2 * SECOND),
        fill("t1", "o1", "buy 2@100"),
    ],
    "an acknowledgement after the fill": [
        intent("o1", "buy 2"),
        fill("t1", "o1", "buy 2@100"),
        tick("101", ts=2 * SECOND),
        report("o1", OrderAccepted, venue="v1"),
    ],
}


@pytest.mark.parametrize("case", LATE)
def test_a_late_word_on_an_order_that_was_over_before_the_snapshot_counts_as_it_did_live(
    case: str,
) -> None:
    run = live(LATE[case])
    assert {hashed for _, hashed in resumed_everywhere(run)} == {run.hash()}


def test_working_orders_of_two_symbols_are_hashed_alike_before_and_after_a_snapshot() -> None:
    run = live(
        [
            intent("o1", "buy 1"),
            fill("t1", "o1", "buy 1@100"),
            intent("o2", "buy 1", PERP),
            tick("100", ts=5),
            intent("o3", "buy 1"),
        ]
    )
    assert {hashed for _, hashed in resumed_everywhere(run)} == {run.hash()}


def test_a_fill_that_arrives_in_the_next_run_is_booked() -> None:
    before = live([intent("o1", "buy 2"), report("o1", OrderCanceled)])
    after = LiveRun(restored(before.state.books))
    asyncio.run(after.start())
    after.fold_all(fill("t1", "o1", "buy 1@100"))
    assert after.state.books.position(SPOT).quantity == 1


def test_continuing_an_account_keeps_its_working_orders() -> None:
    before = live([intent("o1", "buy 2"), fill("t1", "o1", "buy 1@100")])
    after = LiveRun(restored(before.state.books))
    asyncio.run(after.start())
    after.fold_all(fill("t1", "o1", "buy 1@100"), fill("t2", "o1", "buy 1@101"))
    assert after.state.books.position(SPOT).quantity == 2
    assert after.state.books.account.duplicates == 1
