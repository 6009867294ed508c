"""No exit is held back where positions may be reduced: read in the journals, once all is over."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tradectl.bus.clock import DataClock
from tradectl.config.settings import Settings
from tradectl.domain.events import OrderDenied
from tradectl.domain.states import TradingState
from tradectl.journal.reader import JournalReader, NotBegun
from tradectl.state.account import Account
from tradectl.system.trading_system import BookkeepingSystem

HALTED = TradingState.HALTED
FOR_THE_STATE = ("HALTED", "PAUSED", "REDUCING")
BY_THE_GATE = "trading is halted"


def exits_held_back(journals: Path) -> Iterator[str]:
    """In words; of runs that nothing halts while they hold something."""
    for path in sorted(journals.glob("*.jsonl")):
        with contextlib.suppress(NotBegun), JournalReader(path) as journal:
            header = journal.header
            account, settings = Account.load(header.state), Settings.load(header.config)
            system = BookkeepingSystem(settings, account, header.run_id, DataClock())
            for record in journal.records():
                event, books = record.event, system.books
                if isinstance(event, OrderDenied) and _is_for_the_state(event):
                    order = books.order(event.order_id)
                    is_exit = order is not None and order.spec.reduce_only
                    if is_exit and books.trading_state is not HALTED:
                        yield f"{path.name}, record {record.seq}: in {books.trading_state}: {event}"
                system.fold(record)


def _is_for_the_state(denial: OrderDenied) -> bool:
    return denial.code in FOR_THE_STATE or BY_THE_GATE in denial.message


__all__ = ["exits_held_back"]
