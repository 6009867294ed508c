"""What exchanges would not take, folded: when it is over, and that it is said."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.fixtures.books import PERP, SPOT, Ledger, fill
from tradectl.domain.event import ReasonCode
from tradectl.domain.events import (
    Command,
    CommandReceived,
    Event,
    OrderRejected,
    SystemEvent,
    SystemEventKind,
    TargetComputed,
)
from tradectl.domain.refusals import RefusalCause
from tradectl.domain.shares import StrategyTarget
from tradectl.domain.time import SECOND

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


def answer(ledger: Ledger, code: ReasonCode | None, *targets: StrategyTarget) -> list[str]:
    """What is said as the portfolio answers, long after."""
    ledger.at += 1_000 * SECOND
    zero, change = D(0), D(0) if code else D(1)
    computed = TargetComputed(
        symbol=SPOT, target=zero, current=zero, change=change, code=code, strategies=targets
    )
    return kinds(ledger.tell(computed))


LIVE, OUT = StrategyTarget("s", D(1), D(1), D(3)), StrategyTarget("s", D(0), D(1), D(0))


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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
