"""What a run tells the log: its beginning and end, changes of its state and health, alerts, an order's
approval and end, fills, and what the program itself warns of.

The journal has everything and is the truth; the log has what a person reads, a line each. It stands
outside of trading: the loop leaves a record in a queue, and a thread spells, redacts and writes it. Of a
run on recorded data only what is grave is told: it would be thousands of lines a second of a market that
is long over.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from tradectl.config.places import secrets_in
from tradectl.documents.log import LogLevel, LogLine
from tradectl.domain.events import (
    CancelRejected,
    CancelRequested,
    Event,
    OrderApproved,
    OrderDenied,
    OrderInitialized,
    OrderOutcomeLost,
    OrderRejected,
    QuotesDenied,
    Record,
    StrategySignalEvent,
    SystemEvent,
)
from tradectl.domain.redaction import Redaction
from tradectl.domain.states import AlertSeverity, AlertStatus
from tradectl.domain.text import described
from tradectl.domain.time import iso
from tradectl.journal.writer import SHORT
from tradectl.logs.event_words import GRAVE, WORDS, EventWords
from tradectl.logs.log_settings import LogSettings
from tradectl.logs.log_writer import LogWriter
from tradectl.logs.rotated_file import RotatedFile
from tradectl.monitoring.alert_rules import AlertRaised, alert_change
from tradectl.version import __version__

if TYPE_CHECKING:
    from tradectl.monitoring.alert import Alert
    from tradectl.runtime.session import Session

MB = 1 << 20
LAST_LINES_S = 1.0
"""What the end of a run gives the log to write what waits."""
LOG_UNWRITABLE = "log_unwritable"
PROGRAM, AIO = "tradectl", "asyncio"
"""Loggers of Python whose warnings are told, too."""
LEVELS_OF_PYTHON = (
    (logging.CRITICAL, LogLevel.CRITICAL),
    (logging.ERROR, LogLevel.ERROR),
    (logging.NOTSET, LogLevel.WARNING),
)
"""From which of its levels on: users may make their own."""

FOR_DEBUGGING = (StrategySignalEvent, QuotesDenied, CancelRequested)
OF_ORDERS = (OrderInitialized, OrderApproved, OrderDenied)
LEVELS: dict[type[Event], LogLevel] = {
    **dict.fromkeys(FOR_DEBUGGING, LogLevel.DEBUG),
    OrderRejected: LogLevel.WARNING,
    CancelRejected: LogLevel.WARNING,
    OrderOutcomeLost: LogLevel.ERROR,
}
"""Of events that are no alert's cause and not merely worth telling."""

Raise = Callable[[str, str, AlertSeverity, str], object]
Resolve = Callable[[str, str], object]


class RunLog:
    """Of a `session`, on recorded data or not; secrets of `environ` are taken out of each line."""

    def __init__(
        self, session: Session, environ: Mapping[str, str] | None, *, recorded: bool
    ) -> None:
        self._session = session
        self._now = session.bus.clock.wall
        self._recorded = recorded
        settings = session.settings.log
        self._least = LogLevel(settings.level)
        self._words = EventWords()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tell: tuple[Raise, Resolve] | None = None
        self._file = RotatedFile(session.state_dir.logs, int(settings.file_mb * MB), settings.files)
        self._writer: LogWriter[Record | LogLine] = LogWriter(
            self._file,
            self._spelled,
            now=self._now,
            run_id=session.run_id,
            spelling=settings.format,
            redaction=Redaction(secrets_in(os.environ if environ is None else environ)),
            on_failure=lambda why: self._in_loop(self._failed, why),
            on_recovery=lambda _: self._in_loop(self._recovered),
        )
        self._handler = FromPython(self._python_said)
        self._hears_all = False
        if recorded:
            session.bus.listen(GRAVE, lambda record: self._put_spelled(record, self._now()))
            return
        kinds: list[type[Event]] = [*WORDS, *OF_ORDERS]
        session.bus.listen((kind for kind in kinds if kind not in FOR_DEBUGGING), self._writer.put)
        self._hear_all()

    def _hear_all(self) -> None:
        """Those for debugging, from the first time on that they are asked for."""
        if self._least is LogLevel.DEBUG and not self._hears_all:
            self._hears_all = True
            self._session.bus.listen(FOR_DEBUGGING, self._writer.put)

    def keep_files(self) -> None:
        """Move none on: a run that trades knows how many are wanted."""
        self._file.largest = self._file.count = sys.maxsize

    def write_as(self, settings: LogSettings) -> None:
        """From here on; of a run that trades."""
        self._least = LogLevel(settings.level)
        self._hear_all()
        self._writer.spelling = settings.format
        self._file.largest, self._file.count = int(settings.file_mb * MB), settings.files

    # --- life ----------------------------------------------------------------------------------------

    def start(self, raise_alert: Raise | None = None, resolve: Resolve | None = None) -> None:
        """In the loop, where the alerts of a log that cannot be written are told, if they are."""
        self._loop = asyncio.get_running_loop()
        if raise_alert is not None and resolve is not None:
            self._tell = raise_alert, resolve
        for name in (PROGRAM, AIO):
            logging.getLogger(name).addHandler(self._handler)
        session = self._session
        market = "recorded data" if self._recorded else f"{session.source} market"
        if session.source in SHORT:
            market = f"for {session.source} alone"
        self._say(
            LogLevel.INFO,
            f"run begins: {session.settings.mode}, {market}, tradectl {__version__}, process "
            f"{os.getpid()}, journal {session.journal_path}",
        )
        self._writer.start()

    def ended(self, reason: str) -> None:
        """Why the run ends, and what came of it."""
        failure, account = self._session.bus.failure, self._session.books.account
        self._say(
            LogLevel.INFO if failure is None else LogLevel.CRITICAL,
            f"run ends: {reason or 'failed'}{f': {failure}' if failure else ''}; orders "
            f"{account.orders_count}, fills {account.fills_count}",
        )

    async def stop(self) -> None:
        """Write what waits, in bounded time."""
        for name in (PROGRAM, AIO):
            logging.getLogger(name).removeHandler(self._handler)
        self._loop = None
        await asyncio.to_thread(self._writer.stop, LAST_LINES_S)

    @property
    def written(self) -> int:
        """Lines."""
        return self._writer.written

    @property
    def dropped(self) -> int:
        """Lines that were not."""
        return self._writer.dropped

    # --- what is told ----------------------------------------------------------------------------------

    def alert(self, alert: Alert) -> None:
        """One that people are told of, or that is over."""
        if alert.type == LOG_UNWRITABLE:
            return
        is_active = alert.status is AlertStatus.ACTIVE
        times = f" ({alert.count} times)" if alert.count > 1 else ""
        state = "" if is_active else f" {alert.status.value}"
        level = LogLevel(alert.severity.value) if is_active else LogLevel.INFO
        said = f"ALERT{state} {alert.type} {alert.id}: {alert.message}{times}"
        self._put(level, alert.component, said)

    def _say(self, level: LogLevel, message: str) -> None:
        self._put(level, "run", message, self._session.system.last_seq)

    def _put(self, level: LogLevel, component: str, message: str, seq: int = 0) -> None:
        run_id = self._session.run_id
        self._writer.put(LogLine(iso(self._now()), level, component, run_id, seq, (), message))

    def _put_spelled(self, record: Record, at: int) -> None:
        """Recorded time is not when it happened here."""
        line = self._line(record, at)
        if line is not None:
            self._writer.put(line)

    def _python_said(self, level: LogLevel, component: str, message: str) -> None:
        self._put(level, component, message)

    # --- in the writer's thread ------------------------------------------------------------------------

    def _spelled(self, item: Record | LogLine) -> LogLine | None:
        line = item if isinstance(item, LogLine) else self._line(item, item.at)
        return line if line is not None and line.level.rank >= self._least.rank else None

    def _line(self, record: Record, at: int) -> LogLine | None:
        event = record.event
        words = self._words.of(event)
        if words is None:
            return None
        named = event.component if isinstance(event, SystemEvent) else ""
        component = named or event.source_component
        orders = tuple(
            name for field in ("order_id", "venue_order_id") if (name := getattr(event, field, ""))
        )
        run_id = self._session.run_id
        return LogLine(iso(at), level_of(event), component, run_id, record.seq, orders, words)

    def _in_loop(self, call: Callable[..., None], *words: str) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it has ended
                loop.call_soon_threadsafe(call, *words)

    def _failed(self, why: str) -> None:
        if self._tell is not None:
            said = f"{why}; trading and its journal go on, lines of the log are lost"
            self._tell[0](LOG_UNWRITABLE, said, AlertSeverity.WARNING, "log")

    def _recovered(self) -> None:
        if self._tell is not None:
            self._tell[1](LOG_UNWRITABLE, "log")


def level_of(event: Event) -> LogLevel:
    """As grave as the alert that it raises, if it does."""
    change = alert_change(event)
    if isinstance(change, AlertRaised):
        return LogLevel(change.severity.value)
    return LEVELS.get(type(event), LogLevel.INFO)


class FromPython(logging.Handler):
    """What Python's own logging is told, from warnings up. It is shown on stderr all the same, as it is
    without a handler."""

    def __init__(self, put: Callable[[LogLevel, str, str], None]) -> None:
        super().__init__(logging.WARNING)
        self._put_line = put

    def emit(self, record: logging.LogRecord) -> None:
        """Whoever logs is not to fail by it, whatever he logs."""
        try:
            self._told(record)
        except Exception:
            self.handleError(record)

    def _told(self, record: logging.LogRecord) -> None:
        if getattr(record, "is_alert", False):
            return  # it is told already
        said = record.getMessage()
        if record.exc_info is not None and record.exc_info[1] is not None:
            said = f"{said}: {described(record.exc_info[1])}"
        level = next(level for least, level in LEVELS_OF_PYTHON if record.levelno >= least)
        self._put_line(level, record.name.removeprefix(f"{PROGRAM}."), said)
        if not logging.root.handlers and logging.lastResort is not None:
            logging.lastResort.handle(record)


__all__ = ["FromPython", "RunLog", "level_of"]
