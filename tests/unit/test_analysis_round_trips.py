"""Round trips, from flat to flat, by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.fixtures.rows import each_row
from tradectl.analysis.round_trips import NOBODY, RoundTrip, TripBook, Why
from tradectl.domain.positions import Position

D = Decimal
DUST = D("0.01")


class Hand:
    """One strategy in one symbol; less than 0.01 coins is as good as nothing."""

    def __init__(self) -> None:
        self.trips: list[RoundTrip] = []
        self.book = TripBook(self.trips.append, lambda _symbol, size, _price: abs(size) < DUST)
        self.position = Position("BTCUSDT")
        self.now = 0

    def fill(self, signed: str, price: str, fee: str = "0", why: Why = NOBODY) -> None:
        self.now += 1
        before = self.position
        self.position = before.after_fill(D(signed), D(price), D(fee))
        self.book.moved("s", before, self.position, D(price), self.now, 100 + self.now, why)

    def end(self, mark: str) -> list[RoundTrip]:
        quantity = self.position.quantity
        return self.book.end(lambda *_: quantity, lambda _: D(mark), self.now + 1)


def figures(trip: RoundTrip) -> tuple[object, ...]:
    return trip.side, trip.entered, trip.entry_price, trip.exit_price, trip.pnl, trip.fees


@each_row(
    ("fills", "expected"),
    [
        # (quantity, price, fee) of each fill; side, entered, entry price, exit price, result, fees
        ([("1", "10", "0.1"), ("-1", "12", "0.2")], [("long", 1, 10, 12, "1.7", "0.3")]),
        ([("-2", "10", "0"), ("2", "12", "0")], [("short", 2, 10, 12, -4, 0)]),
        ([("1", "10", "0"), ("3", "14", "0"), ("-4", "15", "0")], [("long", 4, 13, 15, 8, 0)]),
        ([("4", "10", "0"), ("-1", "12", "0"), ("-3", "16", "0")], [("long", 4, 10, 15, 20, 0)]),
        # a turn: two thirds of the fee end the first trip, one third begins the second
        (
            [("2", "10", "0"), ("-3", "13", "0.3"), ("1", "11", "0")],
            [("long", 2, 10, 13, "5.8", "0.2"), ("short", 1, 13, 11, "1.9", "0.1")],
        ),
        # leftovers count as flat, and come with the next trip at the price they were left at
        (
            [("1", "10", "0"), ("-0.995", "20", "0"), ("0.995", "30", "0"), ("-1", "40", "0")],
            [("long", 1, 10, 20, 10, 0), ("long", 1, "29.95", 40, "10.05", 0)],
        ),
    ],
)
def test_from_flat_to_flat(
    fills: list[tuple[str, str, str]], expected: list[tuple[str, object, object, object, object, object]]
) -> None:  # fmt: skip
    hand = Hand()
    for fill in fills:
        hand.fill(*fill)
    told = [(side, *(D(str(each)) for each in numbers)) for side, *numbers in expected]
    assert [figures(trip) for trip in hand.trips] == told
    assert hand.end("1") == []
    assert not any(hand.book.outside.values())


def test_what_is_still_held_is_worth_its_mark() -> None:
    hand = Hand()
    hand.fill("2", "10", "0.5")
    hand.fill("-1", "16")
    [trip] = hand.end("12")
    assert trip.is_open
    assert (trip.pnl, trip.held, trip.exit_price) == (D("7.5"), D(1), D(14))
    assert hand.trips == []


def test_what_a_run_began_with_is_entered_at_its_mark() -> None:
    hand = Hand()
    hand.position = Position("BTCUSDT", D(2), D(2))  # bought at 1
    hand.book.begin("s", "BTCUSDT", D(2), D(10), 0)
    hand.fill("-2", "11")
    assert [figures(trip) for trip in hand.trips] == [("long", 2, 10, 11, 2, 0)]
    assert hand.trips[0].carried


def test_funding_belongs_to_the_trip_and_else_to_none() -> None:
    hand = Hand()
    hand.book.funded("s", "BTCUSDT", D(3))
    hand.fill("1", "10")
    hand.book.funded("s", "BTCUSDT", D("-0.25"))
    hand.fill("-1", "10")
    assert [(trip.pnl, trip.funding) for trip in hand.trips] == [(D("-0.25"), D("-0.25"))]
    assert hand.book.outside == {("s", "BTCUSDT"): D(3)}


def test_leftovers_that_are_sold_make_no_trip() -> None:
    hand = Hand()
    hand.fill("1", "10")
    hand.fill("-0.995", "20")
    hand.fill("-0.005", "30", "0.01")
    assert len(hand.trips) == 1
    assert hand.book.outside == {("s", "BTCUSDT"): D("0.04")}
    assert sum(trip.pnl for trip in hand.trips) + D("0.04") == D("-10") + D("19.9") + D("0.14")


def test_why_it_was_entered_and_why_it_ended() -> None:
    hand = Hand()
    hand.fill("1", "10", why=Why("up", 7, 70, "o1", D("9.5")))
    hand.fill("1", "10", why=Why("more", 8, 80, "o2", D(10)))
    hand.fill("-2", "12", why=Why("down", 9, 90, "o3", D("12.5")))
    [trip] = hand.trips
    assert (trip.entry_reason, trip.signal_at, trip.signal_data_at, trip.entry_order) == (
        "up",
        7,
        70,
        "o1",
    )
    assert (trip.exit_reason, trip.exit_order) == ("down", "o3")
    assert (trip.entry_seq, trip.exit_seq, trip.opened_at, trip.closed_at) == (101, 103, 1, 3)
    assert trip.slippage == D("0.5") + D(0) + D(1)
    assert trip.gross == trip.pnl + trip.slippage
    assert trip.return_ == pytest.approx(0.2)
