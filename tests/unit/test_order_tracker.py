"""The order tracker: whatever a venue reports, however often, the books hear it once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fixtures.books import PERP, RUN, SPOT, Ledger, instruments
from tests.fixtures.rows import each_row
from tradectl.domain.events import Liquidity, OrderCanceled, OrderDenied, OrderFilled, OrderReport
from tradectl.domain.instruments import Instrument, Instruments
from tradectl.domain.money import Side
from tradectl.domain.orders import Order, OrderSpec, OrderStatus, client_order_id, order_tag
from tradectl.exchange.live import order_tracker
from tradectl.exchange.live.order_tracker import OrderTracker, Reports
from tradectl.exchange.live.tracked_order import TrackedOrder, TrackingState
from tradectl.exchange.venue import VenueFill, VenueOrder

S = OrderStatus
CLIENT = client_order_id(RUN, "o1")
SPEC = OrderSpec("o1", SPOT, Side.BUY, Decimal(4))


def order(status: OrderStatus, filled: str = "0", client: str = CLIENT, **more: Any) -> VenueOrder:
    return VenueOrder(SPOT, "v1", client, Side.BUY, status, Decimal(4), Decimal(filled), **more)


def fill(trade_id: str, quantity: str = "1", client: str = "", **more: Any) -> VenueFill:
    told = {"price": Decimal(100), "client_order_id": client, **more}
    return VenueFill(SPOT, trade_id, "v1", Side.BUY, Decimal(quantity), **told)


def tracker(**more: Any) -> OrderTracker:
    made = OrderTracker("venue", RUN, instruments(), **more)
    made.track(SPEC, 0)
    return made


def summary(reports: Reports) -> list[str]:
    return [r.trade_id if isinstance(r, OrderFilled) else _kind(r) for r in reports]


def _kind(report: OrderReport) -> str:
    return "not sent" if isinstance(report, OrderDenied) else report.trigger.value


# --- ids ----------------------------------------------------------------------------------------


def test_a_client_order_id_is_the_same_for_the_same_intent_and_fits_every_exchange() -> None:
    assert client_order_id(RUN, "o1") == CLIENT == client_order_id(RUN, "o1")
    assert len({client_order_id(RUN, f"o{n}") for n in range(10_000)}) == 10_000
    assert len(CLIENT) == 18
    assert CLIENT.isalnum()
    assert CLIENT.islower()


def test_orders_of_one_account_have_one_tag_and_another_account_has_another() -> None:
    assert CLIENT.startswith(order_tag(RUN))
    assert order_tag(RUN) != order_tag("run2")


def test_an_order_is_tracked_once() -> None:
    made = tracker()
    assert made.track(SPEC, 0) is None
    assert made.duplicates == 1


def test_two_markets_may_give_two_orders_the_same_id() -> None:
    made = tracker()
    other = OrderSpec("o2", PERP, Side.BUY, Decimal(4))
    made.track(other, 0)
    made.apply([order(S.ACCEPTED)])
    elsewhere = {"symbol": PERP, "client_order_id": client_order_id(RUN, "o2")}
    made.apply([msgspec.structs.replace(order(S.ACCEPTED), **elsewhere)])
    told = made.apply([fill("t1"), msgspec.structs.replace(fill("t1"), symbol=PERP)])
    assert [(r.order_id, r.symbol) for r in told] == [("o1", SPOT), ("o2", PERP)]


def test_an_id_that_the_venue_gives_again_is_that_of_the_newer_order() -> None:
    made = tracker()
    made.apply([order(S.FILLED, "4"), fill("t1", "4")])
    made.track(msgspec.structs.replace(SPEC, order_id="o2"), 1)
    newer = client_order_id(RUN, "o2")
    assert summary(made.apply([order(S.ACCEPTED, client=newer)])) == ["accepted"]
    told = made.apply([fill("t2", "4"), order(S.FILLED, "4", client=newer)])
    assert [(r.order_id, r.symbol) for r in told] == [("o2", SPOT)]


def test_an_order_of_another_tradectl_is_not_ours_whatever_its_id() -> None:
    made = tracker()
    made.apply([order(S.ACCEPTED)])
    theirs = client_order_id("another account", "o1")
    assert made.apply([order(S.CANCELED, client=theirs)]) == []
    assert made.find(order(S.ACCEPTED, client=theirs)) is None


# --- reports ------------------------------------------------------------------------------------


def test_the_first_report_is_the_acceptance_and_the_same_again_is_nothing_new() -> None:
    made = tracker()
    assert summary(made.apply([order(S.ACCEPTED)])) == ["accepted"]
    assert made.apply([order(S.ACCEPTED)]) == []


def test_a_fill_is_reported_once_from_whichever_side_it_comes() -> None:
    made = tracker()
    answer = order(S.PARTIALLY_FILLED, "1", fills=(fill("t1"),))
    assert summary(made.apply([answer])) == ["accepted", "t1"]
    assert made.apply([fill("t1"), answer]) == []


def test_a_fill_before_its_order_is_known_waits_for_it() -> None:
    made = tracker()
    assert made.apply([fill("t1"), fill("t2")]) == []
    assert summary(made.apply([order(S.PARTIALLY_FILLED, "2")])) == ["accepted", "t1", "t2"]


def test_a_stop_that_goes_on_under_another_id_is_still_ours() -> None:
    made = tracker()
    made.apply([order(S.ACCEPTED)])
    became = msgspec.structs.replace(order(S.FILLED, "4"), venue_order_id="v2")
    late = msgspec.structs.replace(fill("t1", "4"), venue_order_id="v2")
    assert made.apply([late]) == []
    assert summary(made.apply([became])) == ["t1"]
    assert made.working() == []


def test_an_end_is_reported_after_the_fills_that_were_counted() -> None:
    made = tracker()
    assert summary(made.apply([order(S.CANCELED, "1")])) == ["accepted"]
    tracked = made.get("o1")
    assert tracked is not None
    assert tracked.lacks_fills()
    assert summary(made.apply([fill("t1")])) == ["t1", "canceled"]
    assert tracked.is_over


def test_an_order_filled_to_its_quantity_is_over_without_another_report() -> None:
    made = tracker()
    assert summary(made.apply([order(S.FILLED, "4")])) == ["accepted"]
    assert summary(made.apply([fill("t1", "4")])) == ["t1"]
    assert made.working() == []


def test_one_that_the_exchange_made_smaller_and_filled_is_over() -> None:
    made = tracker()
    smaller = msgspec.structs.replace(order(S.FILLED, "1"), quantity=Decimal(1))
    assert summary(made.apply([smaller])) == ["accepted"]
    (_, end) = made.apply([fill("t1")])
    assert isinstance(end, OrderCanceled)
    assert (_kind(end), end.reason) == ("canceled", "the exchange filled 1 of it, and no more")
    assert end.by_exchange
    assert made.working() == []


@each_row(
    ("reason", "switch", "asked", "by_exchange"),
    [
        ("", False, False, False),
        ("CancelByPrepareLiq", False, False, True),
        ("", True, False, True),
        ("", True, True, False),
        ("CancelBySmp", False, True, False),
    ],
)
def test_a_cancel_is_the_exchanges_own_where_it_gives_a_reason_or_its_switch_may_have_run_out(
    reason: str, switch: bool, asked: bool, by_exchange: bool
) -> None:
    """And where we did not ask for it."""
    made = tracker()
    made.may_switch_cancel = lambda _symbol: switch
    made.apply([order(S.ACCEPTED)])
    tracked = made.get("o1")
    assert tracked is not None
    tracked.cancel_wanted = asked
    (end,) = made.apply([order(S.CANCELED, reason=reason)])
    assert isinstance(end, OrderCanceled)
    assert (end.reason, end.by_exchange) == (reason, by_exchange)


def test_a_rejection_is_no_acceptance() -> None:
    assert summary(tracker().apply([order(S.REJECTED)])) == ["rejected"]


def test_an_order_without_an_answer_is_unknown_until_any_report_of_it_comes() -> None:
    made = tracker()
    tracked = made.get("o1")
    assert tracked is not None
    assert summary(made.mark_unknown(tracked, "no answer")) == ["unknown"]
    assert tracked.is_unknown
    made.apply([order(S.ACCEPTED)])
    assert not tracked.is_unknown


def test_what_is_not_ours_is_shown_and_left_alone() -> None:
    made = tracker()
    other = msgspec.structs.replace(order(S.ACCEPTED, client="somebody"), venue_order_id="v9")
    assert made.apply_open_orders([other], ()) == []
    assert made.foreign == {(other.symbol, "v9"): other}
    assert made.has_foreign(other.symbol)
    assert not made.has_stop(other.symbol)
    assert made.orphans() == []
    assert made.apply_open_orders([], [*made.foreign]) == []
    assert made.foreign == {}
    assert not made.has_foreign(other.symbol)


def test_an_order_of_others_that_came_while_open_orders_were_asked_for_is_not_forgotten() -> None:
    made = tracker()
    known = tuple(made.foreign)
    other = msgspec.structs.replace(order(S.ACCEPTED, client="somebody"), venue_order_id="v9")
    made.apply([other])
    made.apply_open_orders([], known)
    assert made.foreign == {(other.symbol, "v9"): other}


def test_an_order_with_our_tag_that_nobody_remembers_is_an_orphan() -> None:
    made = tracker()
    orphan = msgspec.structs.replace(
        order(S.ACCEPTED, client=client_order_id(RUN, "forgotten")), venue_order_id="v9"
    )
    made.apply_open_orders([orphan], ())
    assert made.orphans() == [orphan]


def test_an_order_reported_over_that_is_open_after_all_is_reopened() -> None:
    made = tracker()
    tracked = made.get("o1")
    assert tracked is not None
    made.mark_rejected(tracked, "not now")
    assert made.reopened([order(S.ACCEPTED)], made.over()) == [tracked]


def test_an_order_that_ended_while_the_venue_was_asked_is_not_reopened() -> None:
    made = tracker()
    tracked = made.get("o1")
    assert tracked is not None
    over = made.over()
    made.apply([order(S.CANCELED)])
    assert tracked.is_over
    assert made.reopened([order(S.ACCEPTED)], over) == []
    assert made.reopened([order(S.ACCEPTED)], made.over()) == [tracked]


def test_the_end_of_an_order_that_was_presumed_not_to_exist_is_the_venues_word() -> None:
    made, ledger = tracker(), Ledger().work("o1", "buy 4")
    tracked = made.get("o1")
    assert tracked is not None
    told = made.mark_unknown(tracked, "no answer") + made.mark_not_found(tracked, "no such order")
    assert summary(told) == ["unknown", "expired"]
    told += made.apply_open_orders([order(S.PARTIALLY_FILLED, "1")], ()) + made.apply([fill("t1")])
    assert made.reopened([order(S.ACCEPTED)], made.over()) == [tracked]
    ended = made.apply([order(S.CANCELED, "2")])
    assert ended == []  # one more fill was counted
    ended += made.apply([fill("t2"), order(S.CANCELED, "2")])
    assert summary(ended) == ["t2", "canceled"]
    for report in told + ended:
        ledger.tell(report)
    known = ledger.books.order("o1")
    assert known is not None
    assert (known.status, known.filled) == (S.CANCELED, Decimal(2))
    assert tracked.state is TrackingState.OVER


def test_what_was_presumed_not_to_exist_is_still_so_after_a_restart() -> None:
    ledger = Ledger().work("o1", "buy 4")
    before = tracker()
    tracked = before.get("o1")
    assert tracked is not None
    for report in before.mark_unknown(tracked, "no answer") + before.mark_not_found(tracked, ""):
        ledger.tell(report)
    made, known = OrderTracker("venue", RUN, instruments()), ledger.books.order("o1")
    assert known is not None
    made.restore(known)
    assert summary(made.apply([order(S.ACCEPTED), order(S.CANCELED)])) == ["accepted", "canceled"]


def test_nothing_is_reported_of_an_order_that_the_books_have_forgotten() -> None:
    made = tracker(in_books=lambda _: False)
    assert made.apply([order(S.ACCEPTED), fill("t1", client=CLIENT)]) == []


def test_orders_that_work_are_not_looked_through_for_each_that_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And those are let go that the books have forgotten."""
    monkeypatch.setattr(order_tracker, "KEPT", 10)
    looked = 0

    def in_books(order_id: str) -> bool:
        nonlocal looked
        looked += 1
        return False

    made = OrderTracker("venue", RUN, instruments(), in_books)
    for n in range(200):
        tracked = made.track(replace(SPEC, order_id=f"o{n}"), 0)
        assert tracked is not None
        if n % 2:
            tracked.state = TrackingState.OVER
    assert looked <= 200
    assert [*made.working()] == [made.get(f"o{n}") for n in range(0, 200, 2)]
    assert made.get("o1") is None


def test_a_restored_order_goes_on_where_it_was() -> None:
    ledger = Ledger().work("o1", "buy 4")
    made = OrderTracker("venue", RUN, instruments())
    for report in tracker().apply([order(S.PARTIALLY_FILLED, "1"), fill("t1")]):
        ledger.tell(report)
    known = ledger.books.order("o1")
    assert known is not None
    made.restore(known)
    assert summary(made.apply([fill("t1"), fill("t2"), order(S.CANCELED, "2")])) == [
        "t2",
        "canceled",
    ]


# --- fees ---------------------------------------------------------------------------------------

COIN = Instrument(
    SPOT, "USDT", Decimal("0.01"), Decimal("0.001"), Decimal(5), base="COIN"
)  # fmt: skip


def paid(currency: str, amount: str) -> OrderFilled:
    made = OrderTracker(
        "venue",
        RUN,
        Instruments([COIN]),
        quote_value=lambda currency, _: Decimal(600) if currency == "BNB" else None,
    )
    made.track(SPEC, 0)
    told = fill("t1", client=CLIENT, fee=Decimal(amount), fee_currency=currency)
    (report,) = made.apply([told])
    assert isinstance(report, OrderFilled)
    return report


def test_a_fee_is_reported_in_the_quote_currency_and_in_what_was_paid() -> None:
    for currency, amount, fee, also in (
        ("USDT", "0.1", "0.1", "0"),
        ("COIN", "0.001", "0.1", "0.001"),
        ("BNB", "0.0001", "0.06", "0.0001"),
        ("XYZ", "7", "0", "7"),
    ):
        report = paid(currency, amount)
        assert (report.fee, report.fee_paid) == (Decimal(fee), Decimal(also)), currency
        assert report.liquidity is Liquidity.TAKER


# --- any order, any number of times ---------------------------------------------------------------

PARTS = st.lists(st.integers(1, 2), min_size=0, max_size=3).filter(lambda p: sum(p) <= 4)


@given(PARTS, st.booleans(), st.randoms(use_true_random=False), st.booleans())
def test_the_books_come_out_the_same_whatever_the_order_of_the_reports(
    parts: list[int], ends: bool, random: Any, lost: bool
) -> None:
    fills = [fill(f"t{n}", str(part)) for n, part in enumerate(parts)]
    total = sum(parts)
    last = S.FILLED if total == 4 else S.CANCELED if ends else S.PARTIALLY_FILLED
    reported: list[VenueOrder | VenueFill] = [
        order(S.ACCEPTED),
        *(order(S.PARTIALLY_FILLED, str(sum(parts[: n + 1]))) for n in range(len(parts))),
        order(last, str(total)),
        *fills,
    ]
    reported += random.sample(reported, len(reported))
    random.shuffle(reported)
    reported += [order(last, str(total)), *fills]
    ledger, made = Ledger(), tracker()
    ledger.work("o1", "buy 4")
    tracked = made.get("o1")
    assert tracked is not None
    if lost:
        ledger.tell(*made.mark_unknown(tracked, "no answer"))
    for report in reported:
        ledger.tell(*made.apply([report]))
    books = ledger.books
    assert books.position(SPOT).quantity == total
    known = books.order("o1")
    assert known is not None
    assert known.filled == total
    assert [*known.trades] == [fill.report.trade_id for fill in books.new_fills]
    if total == 4:
        assert known.status is S.FILLED
    elif ends:
        assert known.status is S.CANCELED
    else:
        assert known.is_working


def test_a_fill_of_an_order_that_was_called_rejected_is_booked() -> None:
    ledger, made = Ledger(), tracker()
    ledger.work("o1", "buy 4")
    tracked = made.get("o1")
    assert tracked is not None
    ledger.tell(*made.mark_rejected(tracked, "429"))
    ledger.tell(*made.apply([order(S.PARTIALLY_FILLED, "1"), fill("t1")]))
    known = ledger.books.order("o1")
    assert known is not None
    assert (known.status, known.filled) == (S.REJECTED, Decimal(1))
    assert ledger.books.position(SPOT).quantity == 1


def test_an_order_from_before_is_of_this_run_as_soon_as_it_is_seen_to_be_open() -> None:
    for seen, since_before in (([], True), ([order(S.ACCEPTED)], False)):
        made, told = OrderTracker("venue", RUN, instruments()), list[bool]()
        known = Order(SPEC, 0, 0)
        known.status, known.venue_order_id = S.ACCEPTED, "v1"
        made.restore(known)

        def may(tracked: TrackedOrder, told: list[bool] = told) -> bool:
            told.append(tracked.since_before)
            return tracked.since_before

        made.may_switch_cancel = may
        made.apply(seen)
        (end,) = made.apply([order(S.CANCELED)])
        assert isinstance(end, OrderCanceled)
        assert (told, end.by_exchange) == ([since_before], since_before)
