"""A stop's line on the page is as long as its order rests."""

from __future__ import annotations

from decimal import Decimal

from tests.fixtures.books import SPOT, Ledger, approved, cancel, denied, fill, report, submitted
from tests.fixtures.rows import each_row
from tradectl.domain.events import Event, OrderCanceled, OrderInitialized, OrderRejected, Record
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderType
from tradectl.report.prices import PricePaths, Stop

STOP = OrderInitialized(
    order=OrderSpec(
        "o1", SPOT, Side.SELL, Decimal(4), OrderType.STOP_MARKET, stop_price=Decimal(90), reduce_only=True
    ),
    reason="3 % below",
)  # fmt: skip
PLACED: list[Event] = [STOP, approved("o1"), submitted("o1")]
CANCELED = report("o1", OrderCanceled)


def lines(*events: Event) -> list[Stop]:
    """Of a stop that was made at 1, each event a nanosecond later."""
    ledger = Ledger().trade("o0", "buy 4@100")
    return watched(ledger, PricePaths(), 1, events)


def watched(ledger: Ledger, paths: PricePaths, begin: int, events: tuple[Event, ...]) -> list[Stop]:
    for at, event in enumerate(events, begin):
        ledger.at = at
        ledger.tell(event)
        paths.watch(Record(ledger.seq, at, event), ledger.books)  # type: ignore[arg-type]
    return list(paths.symbols[SPOT].stops)


@each_row(
    ("after", "until", "filled"),
    [
        ([], 0, False),
        ([fill("t1", "o1", "sell 1@90")], 0, True),
        ([fill("t1", "o1", "sell 1@90"), fill("t2", "o1", "sell 3@89")], 5, True),
        ([fill("t1", "o1", "sell 1@90"), cancel("o1"), CANCELED], 6, True),
        ([cancel("o1"), CANCELED], 5, False),
    ],
    ids=["rests", "in part", "in parts", "in part and taken back", "taken back"],
)
def test_it_ends_with_its_order_and_not_with_a_part_of_it(
    after: list[Event], until: int, filled: bool
) -> None:
    assert lines(*PLACED, *after) == [Stop(1, 90.0, "3 % below", until, filled)]


def test_one_that_was_refused_never_rested() -> None:
    assert lines(STOP, denied("o1")) == []
    assert lines(*PLACED, report("o1", OrderRejected)) == []


def test_one_that_rests_when_the_run_begins_has_its_line() -> None:
    ledger, paths = Ledger().trade("o0", "buy 4@100"), PricePaths()
    ledger.tell(*PLACED)
    paths.begin(ledger.books)
    assert watched(ledger, paths, 2_000, (cancel("o1"), CANCELED)) == [
        Stop(1_000, 90.0, "3 % below", 2_001)
    ]
