"""An order is asked for by our id, by the id that its exchange knows it under, or by the exchange's own.

Ours names its run. The others are looked up in the database, which may be behind, or missing: then the
newest journals are looked through for what may be an id.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import NamedTuple

from tradectl.control.client import ControlError, ask
from tradectl.documents.control import Done
from tradectl.domain.errors import JournalError, NotRunning, StateError
from tradectl.domain.events import ExecutionEvent, OrderInitialized
from tradectl.domain.orders import client_order_id, run_of, tag_of
from tradectl.feeds.whole_log import read_log
from tradectl.storage.directory import RUN_ID, StateDir
from tradectl.storage.reader import StateReader
from tradectl.storage.run_names import run_of_file

OURS = re.compile(rf"{RUN_ID.pattern}-\d+-\d+")
VENUES = re.compile(r"\d{6}")
"""What most exchanges' ids have, and hardly a symbol."""
LOOKED_THROUGH = 5
"""Journals, at most, where the database knows nothing."""
FLUSH_S = 2.0


class FoundOrder(NamedTuple):
    """Our id, and the journal of the run that made it."""

    order_id: str
    journal: Path


def find_order(state_dir: StateDir, name: str, journal: Path | None = None) -> FoundOrder | None:
    """The order called `name`, of the run of `journal` if that is given; of several the newest. None
    where there is none of the name."""
    if OURS.fullmatch(name):
        return FoundOrder(name, journal or state_dir.journal_of(run_of(name)))
    with contextlib.suppress(NotRunning, TimeoutError, ControlError):
        ask(state_dir.socket, "flush", Done, timeout=FLUSH_S)
    is_told, known = _by_database(state_dir, name)
    if journal is not None:
        known = [order_id for order_id in known if run_of(order_id) == run_of_file(journal)]
    if known:
        return FoundOrder(known[-1], journal or state_dir.journal_of(run_of(known[-1])))
    from_elsewhere = journal is not None and journal.parent != state_dir.journals
    may_be_id = bool(tag_of(name) or VENUES.search(name)) or from_elsewhere
    if is_told and not may_be_id:
        return None  # a symbol, most likely: no journal is read for it
    paths = [journal] if journal is not None else state_dir.journal_files()[-LOOKED_THROUGH:]
    for path in reversed(paths):
        with contextlib.suppress(JournalError):
            found = _in_journal(path, name)
            if found is not None:
                return found
    return None


def _by_database(state_dir: StateDir, name: str) -> tuple[bool, list[str]]:
    """Whether it can be asked, and our ids of what it knows by the name, oldest first."""
    with contextlib.suppress(StateError):
        reader = StateReader(state_dir.db)
        return reader.has_tables(), reader.orders_called(name)
    return False, []


def _in_journal(path: Path, name: str) -> FoundOrder | None:
    """The last one, by either of the exchange's ids."""
    found = ""
    with read_log(path) as log:
        account = log.header.state.get("account_id", "")
        for record in log.records():
            event = record.event
            if isinstance(event, OrderInitialized):
                if client_order_id(account, event.order.order_id) == name:
                    return FoundOrder(event.order.order_id, path)
            elif isinstance(event, ExecutionEvent) and event.venue_order_id == name:
                found = event.order_id
    return FoundOrder(found, path) if found else None


__all__ = ["OURS", "FoundOrder", "find_order"]
