"""What exchanges would not take, folded: when it is over, and that it is said."""

from __future__ import annotations

import pytest

from tests.fixtures.books import SPOT, Ledger
from tradectl.domain.events import (
    Command,
    CommandReceived,
    Event,
    OrderRejected,
    SystemEvent,
    SystemEventKind,
)
from tradectl.domain.refusals import RefusalCause

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
