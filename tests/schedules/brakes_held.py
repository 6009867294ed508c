"""Nothing is entered while a brake holds: read in the journals, once all is over."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tradectl.bus.clock import DataClock
from tradectl.config.settings import Settings
from tradectl.domain.events import OrderApproved, RestrictionKind
from tradectl.domain.risk_memory import COOLDOWN, PROFIT_LOCK
from tradectl.journal.reader import JournalReader, NotBegun
from tradectl.state.account import Account
from tradectl.state.books import Books
from tradectl.system.trading_system import BookkeepingSystem


def entered_in_spite(journals: Path) -> Iterator[str]:
    """In words: orders that enlarge a position and were approved all the same."""
    for path in sorted(journals.glob("*.jsonl")):
        with contextlib.suppress(NotBegun), JournalReader(path) as journal:
            header = journal.header
            account, settings = Account.load(header.state), Settings.load(header.config)
            system = BookkeepingSystem(settings, account, header.run_id, DataClock())
            for record in journal.records():
                event = record.event
                if isinstance(event, OrderApproved) and (why := _held_by(event, system.books)):
                    yield f"{path.name}, record {record.seq}: {why}, and {event.order} is approved"
                system.fold(record)


def _held_by(event: OrderApproved, books: Books) -> str:
    """By what, where the order enters."""
    order = event.order.spec
    held = books.position(order.symbol).quantity
    leaves = order.side.signed(held) < 0 and order.quantity <= abs(held)
    if order.reduce_only or leaves:
        return ""
    if RestrictionKind.VOLATILE in books.restrictions(order.symbol):
        return f"{order.symbol} moved too far"
    return next((code for code in (COOLDOWN, PROFIT_LOCK) if books.paused_at(code) is not None), "")


__all__ = ["entered_in_spite"]
