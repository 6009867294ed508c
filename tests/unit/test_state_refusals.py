"""What exchanges would not take, folded: when it is over, and that it is said."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.fixtures.books import PERP, SPOT, Ledger, approved, fill, intent, submitted
from tests.fixtures.rows import each_row
from tradectl.domain.event import ReasonCode
from tradectl.domain.events import (
    Command,
    CommandReceived,
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderRejected,
    SystemEvent,
    SystemEventKind,
    TargetComputed,
)
from tradectl.domain.money import Side
from tradectl.domain.orders import Order, OrderSpec, OrderStatus, OrderType
from tradectl.domain.refusals import RefusalCause, next_refusal
from tradectl.domain.shares import StrategyTarget
from tradectl.domain.time import SECOND
from tradectl.state.refusals import cause_of

D = Decimal

ENTRY_OVER, EXIT_OVER = SystemEventKind.ENTRY_REFUSED_OVER, SystemEventKind.EXIT_REFUSED_OVER


def refuse(ledger: Ledger, order_id: str, words: str, symbol: str = SPOT) -> list[Event]:
    cause = RefusalCause.TURNED_AWAY
    return ledger.work(order_id, words, symbol).tell(
        OrderRejected(order_id=order_id, symbol=symbol, reason="busy", cause=cause)
    )


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events if isinstance(event, SystemEvent)]


@pytest.mark.parametrize("before", [Command.PAUSE, Command.EMERGENCY_STOP])
def test_who_lets_trading_go_on_begins_anew_with_entries_and_the_alert_ends(
    before: Command,
) -> None:
    ledger = Ledger()
    assert kinds(refuse(ledger, "o1", "buy 1")) == [SystemEventKind.ENTRY_REFUSED]
    ledger.tell(CommandReceived(command=before, reason="the test"))
    again = Command.RESUME if before is Command.PAUSE else Command.CLEAR_HALT
    assert kinds(ledger.tell(CommandReceived(command=again))) == [ENTRY_OVER]
    assert not ledger.books.refused_symbols()


def test_an_exit_that_only_a_halt_wanted_is_over_with_the_halt() -> None:
    ledger = Ledger().trade("o1", "buy 2@100")
    ledger.tell(CommandReceived(command=Command.EMERGENCY_STOP, reason="the test"))
    assert kinds(refuse(ledger, "o2", "sell 2")) == [SystemEventKind.EXIT_REFUSED]
    assert kinds(ledger.tell(CommandReceived(command=Command.CLEAR_HALT))) == [EXIT_OVER]
    assert not ledger.books.refused_symbols()


@each_row(
    ("causes", "held", "count"),
    [
        (["by_hand"], False, 1),
        (["by_hand", "by_hand"], True, 2),
        (["funds", "by_hand"], False, 1),
        (["funds", "funds", "by_hand", "by_hand"], True, 2),
        (["by_hand", "funds"], False, 2),
    ],
)
def test_two_cancels_by_hand_in_a_row_hold_an_entry(
    causes: list[str], held: bool, count: int
) -> None:
    found = None
    for at, cause in enumerate(causes):
        found = next_refusal(found, RefusalCause(cause), "", at)
    assert found is not None
    assert (found.is_held, found.count) == (held, count)


def test_what_the_exchange_cancels_by_itself_is_not_cancelled_by_hand() -> None:
    order = Order(OrderSpec("o1", SPOT, Side.BUY, D(1), OrderType.LIMIT, D(90)), 0, 0)
    for by_exchange, cause in ((False, RefusalCause.BY_HAND), (True, RefusalCause.NOT_FILLED)):
        event = OrderCanceled(order_id="o1", symbol=SPOT, by_exchange=by_exchange)
        assert cause_of(event, order, OrderStatus.ACCEPTED) is cause


def test_another_wish_is_not_held_by_what_stood_against_the_one_before() -> None:
    ledger = Ledger()
    answer(ledger, None, LIVE)
    for order_id in ("o1", "o2"):
        wanted = intent(order_id, "buy 1", SPOT, "s")
        limit = replace(wanted.order, type=OrderType.LIMIT, price=D(90))
        ledger.tell(replace(wanted, order=limit), approved(order_id), submitted(order_id, SPOT))
        ledger.tell(OrderAccepted(order_id=order_id, symbol=SPOT))
        said = ledger.tell(OrderCanceled(order_id=order_id, symbol=SPOT))
    assert kinds(said) == [SystemEventKind.ENTRY_REFUSED]
    assert answer(ledger, ReasonCode.REFUSED, LIVE) == []
    assert answer(ledger, ReasonCode.REFUSED, replace(LIVE, confidence=D("0.5"))) == [ENTRY_OVER]
    assert not ledger.books.refused_symbols()


def answer(ledger: Ledger, code: ReasonCode | None, *targets: StrategyTarget) -> list[str]:
    """What is said as the portfolio answers, long after."""
    ledger.at += 1_000 * SECOND
    zero, change = D(0), D(0) if code else D(1)
    computed = TargetComputed(
        symbol=SPOT, target=zero, current=zero, change=change, code=code, strategies=targets
    )
    return kinds(ledger.tell(computed))


LIVE, OUT = StrategyTarget("s", D(1), D(1), D(3)), StrategyTarget("s", D(0), D(1), D(0))


@each_row(
    ("code", "target", "said"),
    [
        (ReasonCode.NOT_WANTED, LIVE, []),
        (ReasonCode.REFUSED, LIVE, []),
        (None, OUT, []),
        (ReasonCode.ON_TARGET, LIVE, [ENTRY_OVER]),
        (ReasonCode.TOO_SMALL, LIVE, [ENTRY_OVER]),
        (ReasonCode.NOT_WANTED, LIVE.stopped_out(), [ENTRY_OVER]),
        (ReasonCode.NOT_WANTED, OUT, [ENTRY_OVER]),
    ],
)
def test_an_entry_that_nobody_wants_any_more_is_forgotten(
    code: ReasonCode | None, target: StrategyTarget, said: list[str]
) -> None:
    ledger = Ledger()
    refuse(ledger, "o1", "buy 3")
    assert answer(ledger, code, target) == said


@pytest.mark.parametrize(
    ("code", "target", "said"),
    [
        (ReasonCode.NOT_WANTED, OUT, []),
        (ReasonCode.TOO_SMALL, OUT, [EXIT_OVER]),
        (ReasonCode.NOT_WANTED, LIVE.stopped_out(D(2)), [EXIT_OVER]),
    ],
)
def test_so_is_an_exit(code: ReasonCode, target: StrategyTarget, said: list[str]) -> None:
    ledger = Ledger().trade("o1", "buy 3@100")
    assert kinds(refuse(ledger, "o2", "sell 3")) == [SystemEventKind.EXIT_REFUSED]
    assert answer(ledger, code, target) == said


@each_row(
    ("words", "said"),
    [
        ("sell 1@100", [EXIT_OVER]),
        ("sell 3@100", [EXIT_OVER]),
        ("sell 5@100", [EXIT_OVER, ENTRY_OVER]),
        ("buy 1@100", [ENTRY_OVER]),
    ],
)
def test_a_fill_ends_what_was_refused_of_its_kind(words: str, said: list[str]) -> None:
    """By the position before it; an order to the other side is of both kinds."""
    ledger = Ledger().trade("o1", "buy 3@100", PERP)
    refuse(ledger, "o2", "buy 2", PERP)
    refuse(ledger, "o3", "sell 3", PERP)
    ledger.work("o4", words.split("@", maxsplit=1)[0], PERP)
    assert kinds(ledger.tell(fill("o4.1", "o4", words, PERP))) == said
