"""The paper exchange as the runtime sees it: time on the line, and starting again."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.fixtures.paper_exchange import COIN, SYMBOL, order, quote, settings, trade, word
from tests.fixtures.rows import each_row
from tradectl.domain.commands import CancelOrder
from tradectl.domain.events import Event, ExecutionEvent, MarketDataEvent, OrderExpired, Record
from tradectl.domain.instruments import Instruments
from tradectl.domain.orders import Order, OrderStatus, step
from tradectl.domain.time import MILLISECOND
from tradectl.exchange.base import AT_ONCE, Exchange
from tradectl.exchange.paper.paper_exchange import PaperExchange

START = 1_000 * MILLISECOND


def ms(at: int) -> int:
    return START + at * MILLISECOND


class Line:
    """A paper exchange, what it said and for when (ms after the start), and its timers."""

    def __init__(self, seed: int = 3, *, next_event: bool = False, **chosen: str | int) -> None:
        self.said: list[tuple[str, str, int]] = []
        self.reports: list[ExecutionEvent] = []
        self.due: list[int] = []
        self.timers: list[int] = []
        self.paper = PaperExchange(
            settings(**chosen),
            Instruments([COIN], known=True),
            self._report,
            seed,
            wake_at=self.timers.append,
            next_event=next_event,
        )

    def see(self, event: MarketDataEvent, at: int) -> None:
        self.paper.on_market(event, Record(1, at, event))

    def _report(self, event: Event, due_at: int) -> None:
        assert isinstance(event, ExecutionEvent)
        self.reports.append(event)
        self.due.append(due_at)
        self.said.append((event.order_id, word(event), (due_at - START) // MILLISECOND))


def test_it_is_an_exchange() -> None:
    exchange: Exchange = Line().paper
    assert exchange.name == "paper"


def test_without_latency_the_answer_is_due_at_the_moment_of_sending() -> None:
    line = Line()
    line.see(trade("100"), ms(0))
    line.paper.send(order("a", "buy 1"), ms(5))
    line.paper.send(order("b", "buy 1 @99"), ms(6))
    line.paper.send(CancelOrder("b", SYMBOL), ms(7))
    assert line.said == [("a", "fill 1@100 taker", 5), ("b", "accepted", 6), ("b", "canceled", 7)]
    assert line.timers == []


def test_on_recorded_data_an_order_meets_what_comes_after_its_arrival() -> None:
    line = Line(next_event=True, latency_ms=20)
    line.see(trade("100"), ms(0))
    line.paper.send(order("a", "buy 1"), ms(0))
    line.see(trade("101"), ms(9))
    line.see(quote("101", "102"), ms(11))
    assert line.said == [("a", "fill 1@102 taker", 21)]


def test_as_data_ends_what_is_on_its_way_arrives_and_nothing_needs_long() -> None:
    line = Line(next_event=True, latency_ms=20)
    line.see(trade("100"), ms(0))
    line.paper.send(order("a", "buy 1"), ms(0))
    line.paper.end_of_data()
    line.paper.send(order("b", "sell 1"), ms(1))
    assert [(who, what) for who, what, _ in line.said] == [("b", "fill 1@100 taker")]
    assert line.paper.proof().open_orders


def test_an_order_trades_at_the_market_of_its_arrival_and_the_report_needs_as_long() -> None:
    line = Line(latency_ms=20)
    line.see(trade("100"), ms(0))
    line.paper.send(order("a", "buy 1"), ms(0))
    line.see(trade("101"), ms(9))
    line.paper.wake(ms(9))
    assert line.said == []
    line.paper.wake(ms(10))
    assert line.said == [("a", "fill 1@101 taker", 20)]
    assert line.timers == [ms(10)]


@pytest.mark.parametrize("timers_work", [True, False])
def test_the_result_does_not_depend_on_who_calls_first(timers_work: bool) -> None:
    line = Line(latency_ms=20, latency_jitter_ms=6)
    line.see(trade("100"), ms(0))
    for n in range(20):
        line.paper.send(order(f"o{n}", "buy 1"), ms(n * 7))
        for at in sorted(t for t in line.timers if timers_work and t <= ms(n * 7 + 6)):
            line.paper.wake(at)
        line.see(trade(str(101 + n)), ms(n * 7 + 6))
    line.paper.wake(ms(1000))
    other = Line(latency_ms=20, latency_jitter_ms=6)
    other.see(trade("100"), ms(0))
    for n in range(20):
        other.paper.send(order(f"o{n}", "buy 1"), ms(n * 7))
        other.see(trade(str(101 + n)), ms(n * 7 + 6))
    other.paper.wake(ms(1000))
    assert (line.reports, line.due) == (other.reports, other.due)


@pytest.mark.parametrize("latency_ms", [0, 10])
def test_jitter_never_reorders(latency_ms: int) -> None:
    line = Line(latency_ms=latency_ms, latency_jitter_ms=50)
    line.see(trade("100"), ms(0))
    for n in range(50):
        line.paper.send(order(f"o{n}", "buy 1 @90"), ms(n))
        line.paper.send(CancelOrder(f"o{n}", SYMBOL), ms(n))
    line.paper.wake(ms(10_000))
    assert [said[:2] for said in line.said] == [
        (f"o{n}", kind) for n in range(50) for kind in ("accepted", "canceled")
    ]
    assert line.due == sorted(line.due)
    assert line.timers == sorted(line.timers)
    assert len(set(line.due)) > 10


def test_a_fill_is_stamped_with_its_moment_at_the_exchange() -> None:
    line = Line(latency_ms=20)
    line.see(trade("100"), ms(0))
    line.paper.send(order("a", "buy 1"), ms(0))
    line.see(trade("100"), ms(50))
    assert [getattr(r, "ts", None) for r in line.reports] == [ms(10)]
    assert line.due == [ms(20)]


def test_a_duplicate_is_counted_and_not_answered() -> None:
    line = Line()
    line.see(trade("100"), ms(0))
    for _ in range(3):
        line.paper.send(order("a", "buy 1"), ms(1))
    assert line.said == [("a", "fill 1@100 taker", 1)]
    assert line.paper.duplicates == 2


# --- starting again ------------------------------------------------------------------------------


def known(
    order_id: str, text: str, status: OrderStatus, filled: str = "0", venue_order_id: str = ""
) -> Order:
    """An order as the books hold it at a start."""
    spec = order(order_id, text).order.spec
    trades = {f"{order_id}.1": None} if filled != "0" else {}
    return Order(spec, 0, 0, status, Decimal(filled), venue_order_id=venue_order_id, trades=trades)


@each_row(
    ("status", "filled", "told", "next_trade"),
    [
        (OrderStatus.ACCEPTED, "0", [], ["fill 3@99 maker"]),
        (OrderStatus.PARTIALLY_FILLED, "1", [], ["fill 2@99 maker"]),
        (OrderStatus.PENDING_CANCEL, "0", ["canceled"], []),
        (OrderStatus.PENDING_CANCEL, "1", ["canceled"], []),
        (OrderStatus.APPROVED, "0", ["expired"], []),
        (OrderStatus.SUBMITTED, "0", ["expired"], []),
        (OrderStatus.UNKNOWN, "0", ["expired"], []),
        (OrderStatus.UNKNOWN, "1", ["accepted"], ["fill 2@99 maker"]),
        (OrderStatus.INITIALIZED, "0", [], []),
        (OrderStatus.FILLED, "3", [], []),
        (OrderStatus.CANCELED, "1", [], []),
    ],
)
def test_what_becomes_of_an_order_at_a_restart(
    status: OrderStatus, filled: str, told: list[str], next_trade: list[str]
) -> None:
    line = Line()
    line.paper.restore([known("a", "buy 3 @99", status, filled)])
    assert line.said == [("a", kind, (AT_ONCE - START) // MILLISECOND) for kind in told]
    line.see(trade("98", "9"), ms(0))
    assert [said[1] for said in line.said[len(told) :]] == next_trade
    for report in line.reports:
        status = step(status, report.trigger)


def test_an_order_that_never_came_says_so() -> None:
    line = Line()
    line.paper.restore([known("a", "buy 3", OrderStatus.APPROVED)])
    assert isinstance(line.reports[0], OrderExpired)
    assert line.reports[0].reason == "never reached the paper exchange"


def test_trade_ids_and_order_numbers_go_on_after_a_restart() -> None:
    line = Line()
    line.paper.restore(
        [known("a", "buy 3 @99", OrderStatus.PARTIALLY_FILLED, "1", venue_order_id="P41")]
    )
    line.see(trade("98", "9"), ms(0))
    line.paper.send(order("b", "buy 1"), ms(0))
    fills = [(r.venue_order_id, getattr(r, "trade_id", None)) for r in line.reports]
    assert fills == [("P41", "a.2"), ("P42", "b.1")]


def test_no_fill_has_the_id_of_one_that_is_booked() -> None:
    """The second was on its way as the process died, and the third was faster."""
    line = Line()
    held = known("a", "buy 9 @99", OrderStatus.PARTIALLY_FILLED, "2")
    held.trades = dict.fromkeys(("a.1", "a.3"))
    line.paper.restore([held])
    line.see(trade("98", "9"), ms(0))
    assert [getattr(report, "trade_id", None) for report in line.reports] == ["a.4"]


def test_a_stop_restored_waits_and_one_that_has_traded_does_not_wait_again() -> None:
    line = Line(market_fill="bounded")
    line.paper.restore(
        [
            known("waits", "buy 3 stop 105", OrderStatus.ACCEPTED),
            known("goes on", "buy 3 stop 105", OrderStatus.PARTIALLY_FILLED, "1"),
        ]
    )
    line.see(trade("100", "9"), ms(0))
    line.see(trade("105", "9"), ms(1))
    assert line.said == [
        ("goes on", "fill 2@100 taker", 0),
        ("waits", "triggered", 1),
        ("waits", "fill 3@105 taker", 1),
    ]


def test_restoring_twice_equals_restoring_once() -> None:
    line = Line()
    for _ in range(2):
        line.paper.restore(
            [
                known("a", "buy 3 @99", OrderStatus.ACCEPTED),
                known("b", "buy 3", OrderStatus.APPROVED),
            ]
        )
    line.see(trade("98", "9"), ms(0))
    line.paper.send(order("a", "buy 3"), ms(0))
    assert [said[:2] for said in line.said] == [("b", "expired"), ("a", "fill 3@99 maker")]


def test_protective_orders_stay_with_their_position_and_go_without_one() -> None:
    stop = order("stop", "sell 2 stop 95", reduce_only=True).order.spec
    for position, said in (("2", ["triggered", "fill 2@94 taker"]), ("0", ["expired"])):
        line = Line()
        held = Order(stop, 0, 0, OrderStatus.ACCEPTED)
        line.paper.restore([held], {SYMBOL: Decimal(position)})
        line.see(trade("94", "9"), ms(0))
        assert [kind for _, kind, _ in line.said] == said
