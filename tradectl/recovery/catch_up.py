"""The database catches up with the journals before a new one is begun.

A run that was killed leaves its last moments in its journal alone, and a database that was lost leaves
whole runs there. They are stored again, oldest first, and only then does a new journal appear. So a run
that the database knows is there to its last record, but for the newest one; being killed in the middle
of this, however often, leaves nothing out.
"""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec.structs import asdict, replace

from tradectl.config.settings import Settings
from tradectl.documents.run import Status
from tradectl.domain.errors import AlreadyRunning, JournalError
from tradectl.domain.money import decimal_text
from tradectl.domain.time import iso
from tradectl.feeds.whole_log import read_log
from tradectl.journal.parts import last_written
from tradectl.journal.reader import LONGEST_GROUP, NO_KEYS, read_header, refuse_damaged
from tradectl.journal.run_lock import goes_on
from tradectl.journal.signature import Signed
from tradectl.portfolio.brackets import Brackets
from tradectl.recovery.recovery import CONTINUED, Recovered, Recovery
from tradectl.state.account import Account
from tradectl.state.books import Books
from tradectl.state.bracket_rows import bracket_rows
from tradectl.state.status import RunStart, account_status, max_drawdown_pct
from tradectl.storage.directory import StateDir
from tradectl.storage.reader import StateReader, StoredRun
from tradectl.storage.store import Changes, RunBegun, Store

MOST_AT_ONCE = 5_000
"""Orders and fills that are kept of a fold before they are stored."""


async def catch_up(store: Store, state_dir: StateDir, recovered: Recovered) -> None:
    """Store what the database misses of `recovered` and of the runs before it. Raises StateError."""
    reader = StateReader(state_dir.db)
    for path in _unknown_runs_before(recovered, state_dir, reader):
        with contextlib.suppress(
            JournalError
        ):  # the account is whole without them: check() will tell
            await store_journal(path, store, reader)
    await store_run(recovered, store, reader)


def catch_up_with_the_killed(state_dir: StateDir, run: StoredRun) -> None:
    """Store the last moments of a run that nobody has gone on from yet, as a guest of its directory; not
    while another owns it, who does so himself. Raises TradectlError for what cannot be read or stored."""
    path = state_dir.journals / f"{run.run_id}.jsonl"
    with contextlib.suppress(AlreadyRunning), state_dir.owned(guest=True):
        reader = StateReader(state_dir.db)
        if _is_complete(reader.run(run.run_id)) or goes_on(path):
            return

        async def caught_up() -> None:
            store = Store(state_dir.db, keys=state_dir.keys)
            await store.open()
            try:
                await store_journal(path, store, reader)
            finally:
                await store.close()

        with ThreadPoolExecutor(1) as thread:  # whoever looks may have a loop of his own
            thread.submit(asyncio.run, caught_up()).result()


def _unknown_runs_before(
    recovered: Recovered, state_dir: StateDir, reader: StateReader
) -> list[Path]:
    """Their journals, oldest first; as far back as these are still there and whole."""
    unknown, header = [], recovered.header
    with contextlib.suppress(JournalError):  # the same
        while header.continues and not _is_complete(reader.run(header.continues)):
            path = state_dir.journal_of(header.continues)
            header = read_header(path)
            unknown.append(path)
    return unknown[::-1]


def _is_complete(run: StoredRun | None) -> bool:
    return run is not None and run.ended_at is not None


async def store_journal(path: Path, store: Store, reader: StateReader) -> None:
    """Recover the run of a journal and store it, its rows as they come: a long run has a million. Raises
    JournalError, StateError; nothing of a damaged one is stored. Whoever goes on from it trusts it."""
    refuse_damaged(path)
    keys = store.keys or NO_KEYS
    with read_log(path, keys, largest=LONGEST_GROUP) as log:
        recovery = Recovery(log, path, reader, keys, checked_elsewhere=True)
        for orders, fills in recovery.fold(MOST_AT_ONCE):
            await store.write_rows(recovery.account_id, log.header.run_id, orders, fills)
        run = recovery.end()
    await store_run(run, store, reader)


async def store_run(run: Recovered, store: Store, reader: StateReader) -> None:
    """All of it, and last of all that it has ended, if it has: that makes it complete. A snapshot of an
    account that goes on saves the next reader the way."""
    header = run.header
    known = reader.run(run.run_id)
    if known is None:
        row = RunBegun(
            run.run_id,
            run.account.account_id,
            header.account,
            header.mode,
            header.source,
            header.started_at,
            str(run.journal),
        )
        await store.begin_run(row)
    shown = known.status if known is not None else None
    await store.write(_all_of(run, shown or Status()))
    if known is not None and known.pruned:
        await store.forget_again(run.run_id)
    if run.footer is not None:
        await store.end_run(run.run_id, run.footer.ended_at, run.footer.reason)
    elif not goes_on(run.journal):
        heard_of = iso(last_written(run.journal))  # whenever somebody finds out
        await store.end_run(run.run_id, heard_of, "crashed")


def _all_of(run: Recovered, shown: Status) -> Changes:
    """What it left, to be stored. `shown` is the status that the database has of it: what no journal
    tells stays as it is there."""
    header, account = run.header, run.account
    settings = Settings.load(header.config)
    instruments = settings.all_instruments()
    brackets = Brackets(
        {s.name: s.bracket for s in settings.strategies}, settings.portfolio.stop_loss_pct
    )
    books = Books(account, instruments)
    starts = header.began() if header.account in CONTINUED else 0
    began = RunStart.of(Books(Account.begun_with(header.state, header.run_id), instruments), starts)
    available = began.availability(run.held_in_it())
    status = account_status(books, run.run_id, run.last_seq, available=available)
    is_news = run.last_seq > run.from_snapshot
    return Changes(
        run_id=run.run_id,
        account_id=account.account_id,
        last_seq=run.last_seq,
        events=run.last_seq,
        pnl=decimal_text(books.profit()),
        run_orders=began.orders_since(books),
        run_fills=began.fills_since(books),
        run_pnl=began.pnl_since(books),
        run_funding=began.funding_since(books),
        run_insurance=began.insurance_since(books),
        max_drawdown_pct=max_drawdown_pct(books),
        untraded=None,
        state_hash=run.state_hash,
        status=replace(shown, **asdict(status) | {"brackets": bracket_rows(brackets, books)}),
        orders=run.orders,
        fills=run.fills,
        snapshot=account if is_news and header.account in CONTINUED else None,
        sealed=run.folded_to,
        taken_at=last_written(run.journal),
        signs=run.signed is Signed.YES,
    )
