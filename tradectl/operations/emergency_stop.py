"""The emergency stop, from any process and whatever state the trading one is in.

    1. set the latch: from now on no order leaves, and no run starts
    2. ask the running process to cancel and close
    3. if it does not answer in time: end it, and finish the job from the durable state (`left_open`)

The third way is a run of its own with a journal of its own, so it can be replayed like any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path

from msgspec.structs import asdict, replace

from tradectl.bus.clock import Clock, WallClock
from tradectl.control.client import ControlError, ask
from tradectl.documents.operations import Receipt, StopReport
from tradectl.domain.errors import (
    AccessLost,
    NotExecuted,
    NotRunning,
    StateError,
    TradectlError,
)
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.money import ZERO
from tradectl.domain.resilience import pauses
from tradectl.domain.states import TradingState
from tradectl.domain.text import described, harmless
from tradectl.journal.writer import EMERGENCY
from tradectl.operations.emergency_alert import leave_alert, resolve_answered
from tradectl.operations.left_open import (
    by_database,
    by_journal,
    journals_to_finish,
    last_known,
    left_by_journal,
    runs_without_journal,
)
from tradectl.operations.predecessor import Predecessor
from tradectl.recovery.rebuild import stored_afterwards
from tradectl.recovery.recovery import (
    LIVE_ACCOUNT,
    Recovered,
    last_journal,
    missing,
    recover_account,
)
from tradectl.runtime.in_process_stop import Stop, stop_session
from tradectl.runtime.session import Session
from tradectl.storage.directory import StateDir

ANSWER_SHARE = 0.4
LEAST_S = 1.0
PATIENT_SHARE = 0.4
"""Of the time that is left, how long one of several exchanges is waited for: the others wait, too."""


def emergency_stop(
    state_dir: StateDir,
    reason: str,
    *,
    flatten: bool,
    timeout: float,
    everything: bool = False,
    drop_protection: bool = False,
    trusting: bool = False,
    clock: Clock | None = None,
) -> Receipt:
    """Stop everything; the receipt. `timeout` (s) bounds the whole of it as far as it can be bounded.
    With `everything` the orders of others on the same exchange account are cancelled, too, and with
    `drop_protection` the stops that protect positions; `trusting` a journal that nobody knows who wrote,
    by which else no position is closed.

    A latch that cannot be set is no reason to stop here: the receipt says so, and the rest is done all
    the same. Raises StateError only where the directory is nobody's, or somebody else's.
    """
    state_dir.check_folder()
    stop = Stop(flatten=flatten, everything=everything, drop_protection=drop_protection)
    clock = clock or WallClock()
    return EmergencyStop(state_dir, reason, stop, timeout, clock, trusting=trusting).execute()


class EmergencyStop:
    """One emergency stop of what trades in `state_dir`, from its latch to its receipt."""

    def __init__(
        self,
        state_dir: StateDir,
        reason: str,
        stop: Stop,
        timeout: float,
        clock: Clock,
        *,
        trusting: bool = False,
    ) -> None:
        self._dir = state_dir
        self._trusting = trusting
        self._reason = harmless(reason)  # an odd reason is no reason not to stop
        self._stop = stop
        self._clock = clock
        self._timeout = timeout
        self._started = clock.monotonic()
        self._deadline = self._started + timeout
        self._begun = StopReport()
        """what the running process did, where it did not come to its end"""
        patience = self._deadline - timeout * ANSWER_SHARE
        self._predecessor = Predecessor(state_dir, clock, patience, self._latch)

    def execute(self) -> Receipt:
        not_latched = self._latch()
        latched_ms = self._ms()
        _load_ahead(self._dir)
        killed = None
        report = self._through_the_process()
        method = "direct" if report is None else "control"
        if report is None:
            killed = self._predecessor.end()
            report = _with_begun(self._directly(), self._begun)
        else:
            report = self._and_other_accounts(report)
        self._end_flattening()
        errors = [
            error for error in (not_latched, self._predecessor.not_ended, report.error) if error
        ]
        receipt = Receipt(
            **asdict(replace(report, error="; ".join(errors) or None)),
            reason=self._reason,
            flatten=self._stop.flatten,
            drop_protection=self._stop.drop_protection,
            latched=not_latched is None,
            latched_ms=latched_ms,
            confirmed_ms=self._ms(),
            method=method,
            killed=killed,
        )
        self._tell_in_alerts(receipt)
        return receipt

    def _tell_in_alerts(self, receipt: Receipt) -> None:
        """The receipt says it all the same where this fails."""
        now = self._clock.wall()
        with contextlib.suppress(TradectlError, OSError):
            resolve_answered(self._dir, receipt, now)
        if receipt.method == "direct":
            with contextlib.suppress(TradectlError, OSError):
                leave_alert(self._dir, receipt, now)

    def _latch(self) -> str | None:
        """Why it could not be set; None when it is."""
        with contextlib.suppress(StateError):  # where nothing can be made the latch has its spare
            self._dir.create()
        state = TradingState.FLATTENING if self._stop.flatten else TradingState.HALTED
        try:
            self._dir.latch.set(self._reason, state, by_operator=True)
        except StateError as error:
            return str(error)
        return None

    def _end_flattening(self) -> None:
        """Everything is flat, or the time is up: no closing order may leave any more."""
        if self._stop.flatten:
            with contextlib.suppress(StateError):  # as it is, nothing is traded anew, either
                self._dir.latch.set(self._reason)

    def _ms(self) -> float:
        """Since the beginning."""
        return round((self._clock.monotonic() - self._started) * 1000, 1)

    # --- by the running process -------------------------------------------------------------------

    def _through_the_process(self) -> StopReport | None:
        """What the running process says that it did; None when it said nothing, or did not finish. It is
        asked where the lock cannot be looked at, too: who trades listens."""
        owner = self._dir.owner()
        if owner is not None and self._predecessor.is_stopped(owner):
            return None
        try:
            report = ask(
                self._dir.socket,
                "emergency_stop",
                StopReport,
                timeout=self._timeout * ANSWER_SHARE,
                reason=self._reason,
                flatten=self._stop.flatten,
                everything=self._stop.everything,
                drop_protection=self._stop.drop_protection,
            )
        except (NotRunning, ControlError, TimeoutError, OSError):
            return None
        if report.confirmed:
            return report
        self._begun = report
        return None

    def _and_other_accounts(self, done: StopReport) -> StopReport:
        """A run knows its own account only: what another one before it left open is finished once the
        run has ended."""
        try:
            done = done.with_other(self._missing(but=done.journal))
            paths = [p for p in journals_to_finish(self._dir) if p.name != done.journal]
            paths = [path for path in paths if self._is_unfinished(path)]
            self._predecessor.wait(self._deadline if paths else 0.0)
            for path in paths:
                with self._predecessor.owned(), self._room_on_the_disk():
                    done = done.with_other(self._finished(path))
        except Exception as error:  # whatever failed, the receipt must say so
            done = done.with_other(_failed(self._dir, error))
        return done

    def _missing(self, but: str | None = None) -> StopReport:
        """Of each account whose last journal is missing, what the database last knew of it: that nothing
        is open cannot be said. `but` is a journal whose run has just told by itself."""
        report = StopReport()
        for run in runs_without_journal(self._dir):
            if f"{run.run_id}.jsonl" != but:
                lost = by_database(run).without_confirmation(str(missing(run, self._dir)))
                report = report.with_other(lost)
        return report

    def _is_unfinished(self, path: Path) -> bool:
        recovered = self._recovered(path)
        return self._has_work(recovered) or not recovered.clean or bool(recovered.doubts)

    def _recovered(self, path: Path) -> Recovered:
        # the orders of a large account are cancelled, too, whoever says that they are its
        recovered = recover_account(path, self._dir, trusting=True)
        return replace(recovered, doubts="") if self._trusting else recovered

    def _has_work(self, recovered: Recovered) -> bool:
        """There is something to be cancelled or closed."""
        left = left_by_journal(recovered, self._stop)
        return bool(left.open_orders_left or (self._stop.flatten and left.positions_left))

    # --- in its place -----------------------------------------------------------------------------

    def _directly(self) -> StopReport:
        """Finish the job for every account that goes on; the process that was ended had one of them."""
        done = StopReport()
        try:
            done = self._missing()
            with self._predecessor.owned(), self._room_on_the_disk():
                for path in journals_to_finish(self._dir):
                    done = done.with_other(self._finished(path))
        except Exception as error:  # whatever failed, the receipt must say so, and what may be left
            done = done.with_other(_failed(self._dir, error))
        return done

    @contextlib.contextmanager
    def _room_on_the_disk(self) -> Iterator[None]:
        """What was kept for this; the next one shall have room, too."""
        self._dir.reserve.give_back()
        try:
            yield
        finally:
            self._dir.reserve.make()

    def _finished(self, path: Path) -> StopReport:
        left = None
        try:
            recovered = self._recovered(path)
            # by the journal: what is tried from here on may come to naught
            left = by_journal(recovered, self._clock.wall())
            report = self._finish(recovered)
            for why in filter(None, (recovered.lost, _doubtful(recovered, self._stop))):
                report = report.without_confirmation(why)
            return report
        except Exception as error:  # one that cannot be finished must not keep the others open
            return _failed(self._dir, error, left)

    def _finish(self, recovered: Recovered) -> StopReport:
        """What ended by itself and has nothing to be cancelled or closed is finished as it is, on paper;
        what an exchange has, only the exchange can tell."""
        is_live = recovered.header.account == LIVE_ACCOUNT
        if recovered.clean and not is_live and not self._has_work(recovered):
            return left_by_journal(recovered, self._stop)
        return asyncio.run(self.finishing_run(recovered))

    async def finishing_run(self, recovered: Recovered) -> StopReport:
        """A run that does this alone, without the database, which is brought up to date after it. Raises
        ExchangeError, StateError, JournalError."""
        from tradectl.runtime.short_run import short_run

        account = recovered.account
        held = [p.symbol for p in account.positions.values() if p.quantity]

        def run() -> AbstractAsyncContextManager[Session]:
            return short_run(
                self._dir,
                recovered,
                source=EMERGENCY,
                reason=f"emergency stop: {self._reason}",
                projected=False,
                patience=max(self._deadline - self._clock.monotonic(), LEAST_S) * PATIENT_SHARE,
            )

        async with contextlib.AsyncExitStack() as stack:
            session = await self._connected(stack, run)
            prices = [_last_known_price(symbol, account.marks) for symbol in held]
            stop = self._stop if not recovered.doubts else _harmless(self._stop)
            report = await stop_session(session, self._reason, stop, self._deadline, prices)
        problem = await stored_afterwards(self._dir, recovered.journal, session.journal_path)
        return replace(report, error="; ".join(filter(None, [report.error, problem])) or None)

    async def _connected(
        self,
        stack: contextlib.AsyncExitStack,
        run: Callable[[], AbstractAsyncContextManager[Session]],
    ) -> Session:
        """Tried again while there is time: what cannot be reached now may be in a second. Raises
        NotExecuted or AccessLost, with what the exchange said last."""
        ends = max(self._deadline, self._clock.monotonic() + LEAST_S)
        told: NotExecuted | AccessLost = NotExecuted("the exchange did not answer in time")
        waits = pauses()
        while True:
            try:
                async with asyncio.timeout(ends - self._clock.monotonic()):
                    return await stack.enter_async_context(run())
            except TimeoutError:
                raise told from None
            except (NotExecuted, AccessLost) as error:
                told, pause = error, max(next(waits), getattr(error, "retry_after", 0.0))
                if self._clock.monotonic() + pause >= ends:
                    raise
                await self._clock.sleep(pause)


def _load_ahead(state_dir: StateDir) -> None:
    """Import what a live account is finished with while the running process is asked: it takes long. So
    may looking whether there is one: a process that hangs may hold the database."""
    threading.Thread(target=_load_for_live, args=(state_dir,), daemon=True).start()


def _load_for_live(state_dir: StateDir) -> None:
    with contextlib.suppress(TradectlError, OSError):
        if last_journal(state_dir, LIVE_ACCOUNT) is not None:
            from tradectl.exchange.ccxt_venue.client import load_ahead

            load_ahead()


def _harmless(stop: Stop) -> Stop:
    """By a journal that nobody knows who wrote: what it says is held may be what others hold."""
    return replace(stop, flatten=False, drop_protection=False)


def _doubtful(recovered: Recovered, stop: Stop) -> str:
    if not recovered.doubts:
        return ""
    more = ", and no position was closed" if stop.flatten else ""
    return (
        f"{recovered.doubts}; orders were cancelled as far as it knows them{more}: look at the exchange; "
        "`emergency-stop --trust-journal` goes by it as it is"
    )


def _failed(state_dir: StateDir, error: Exception, left: StopReport | None = None) -> StopReport:
    why = str(error) if isinstance(error, TradectlError) else described(error)
    return (left or last_known(state_dir)).without_confirmation(why)


def _with_begun(report: StopReport, begun: StopReport) -> StopReport:
    """With what was `begun` before: cancelled or closed then, it is no longer there to be told of."""
    cancelled = [o for o in begun.cancelled if o not in report.open_orders_left]
    closed = [symbol for symbol in begun.closed if symbol not in report.positions_left]
    return replace(
        report,
        cancelled=[*dict.fromkeys([*cancelled, *report.cancelled])],
        closed=[*dict.fromkeys([*closed, *report.closed])],
    )


def _last_known_price(symbol: str, marks: dict[str, Decimal]) -> MarketDataEvent:
    """Paper has no market of its own to ask: it closes at the last price that the account saw."""
    return MarketDataEvent(
        source_component="emergency: last known price",
        symbol=symbol,
        price=marks[symbol],
        volume=ZERO,
    )


__all__ = ["EmergencyStop", "emergency_stop"]
