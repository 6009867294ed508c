"""The thread that tells people: it keeps the outbox, saves it, and gives each channel what it sends.

    put --> [inbox] --> outbox <--> database
                          |  ^
                 a send   v  | sent, failed
                       a thread for each channel

Whoever puts a notice in never waits, from whatever thread. What is put in is in the database before it is
sent; where the database does not take it, it is sent all the same. What is sent is taken out of it again;
a process that ends in between sends it once more, with the same key.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from tradectl.bus.clock import ComputerClock
from tradectl.domain.errors import StateError
from tradectl.domain.statistics import Durations
from tradectl.domain.text import described
from tradectl.notification.channel import Channel, ChannelFailed
from tradectl.notification.notice import Message, Notice, message_of
from tradectl.notification.outbox import Letter, Outbox, Send
from tradectl.storage.outbox_rows import OutboxRow

if TYPE_CHECKING:
    from tradectl.notification.notification_settings import AlertSettings
    from tradectl.notification.routes import Routes
    from tradectl.storage.outbox_rows import OutboxRows

MOST_IN_INBOX = 5_000
SAVE_AGAIN_S = 1.0
MANY, MANY_PAUSE_S = 50, 0.02
NO_ANSWER = "no answer in time"

log = logging.getLogger("tradectl.alerts")


class Outcome(Struct, frozen=True):
    """Of a send; `error` is empty where it was sent."""

    send: Send
    error: str = ""
    rest: float = 0.0


class Dispatcher:
    """`channels` are those of the outbox, with the time (s) each may take."""

    def __init__(
        self,
        outbox: Outbox,
        channels: Mapping[str, tuple[Channel, float]],
        rows: OutboxRows | None = None,
        *,
        wall: Callable[[], int] = ComputerClock.wall,
        monotonic: Callable[[], float] = ComputerClock.monotonic,
    ) -> None:
        self._outbox = outbox
        self._rows = rows
        self._on_trouble: Callable[[str, str], object] = lambda name, error: None
        self._on_recovery: Callable[[str], object] = lambda name: None
        self._wall, self._monotonic = wall, monotonic
        self._inbox: deque[Notice] = deque(maxlen=MOST_IN_INBOX)
        self._lost = 0
        self._outcomes: deque[Outcome] = deque()
        self._followed: tuple[Routes, AlertSettings] | None = None
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._deadline = 0.0
        self._channels = {name: channel for name, (channel, _) in channels.items()}
        self._senders: dict[str, Sender] = {}
        self.delivery_times = {name: Durations() for name in channels}
        """from what happened to a channel's word that it has it"""
        self._patience = {name: patience for name, (_, patience) in channels.items()}
        self._sent_at: dict[str, tuple[Send, float]] = {}
        self._save_after = 0.0
        self._alerts: deque[Notice] = deque(maxlen=MOST_IN_INBOX)
        self._thread: threading.Thread | None = None

    def put(self, notice: Notice) -> None:
        """Tell whoever is to know of it. From any thread, without waiting: where there is no room, the
        oldest is let go."""
        self._lost += len(self._inbox) >= MOST_IN_INBOX
        self._inbox.append(notice)
        self._awake.set()

    def heed(
        self, on_trouble: Callable[[str, str], object], on_recovery: Callable[[str], object]
    ) -> None:
        """Call these, in the dispatcher's thread, with the name of a channel that fails (and its error),
        and of one that works again."""
        self._on_trouble, self._on_recovery = on_trouble, on_recovery

    def tell_by(self, routes: Routes, settings: AlertSettings) -> None:
        """What is put in from now on goes by these; from any thread. What waits goes as it was to, and
        who was told that something began is told that it is over."""
        self._followed = routes, settings

    @property
    def waiting(self) -> int:
        """Messages that nobody has yet; from any thread."""
        return len(self._inbox) + len(self._outbox)

    @property
    def dropped(self) -> int:
        """Of them, so many were let go: too many or too old. From any thread."""
        return self._lost + self._outbox.dropped

    def start(self) -> None:
        """Does nothing when already started."""
        if self._thread is not None:
            return
        self._stopping.clear()
        for name, channel in self._channels.items():
            self._senders[name] = Sender(name, channel, self._answered)
            self._senders[name].start()
        self._thread = threading.Thread(target=self._run, name="alerts-out", daemon=True)
        self._thread.start()

    def stop(self, within: float) -> None:
        """Send what can be sent, for so long (s); the rest is kept in the database. Blocks."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._deadline = self._monotonic() + within
            self._stopping.set()
            self._awake.set()
            thread.join(within + 1)

    def _answered(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._awake.set()

    # --- the thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        self._restore()
        while not self._is_done():
            self._awake.wait(self._wait())
            if len(self._outbox) > MANY:
                self._stopping.wait(MANY_PAUSE_S)  # each turn looks at all of them
            self._awake.clear()
            try:
                self._turn()
            except Exception as error:  # a bug in one turn must not silence all that come
                log.error("alerts wait to be sent: %s", described(error))
                self._stopping.wait(SAVE_AGAIN_S)
        self._save(at_once=True)
        for sender in self._senders.values():
            sender.stop()
        if self._rows is not None:
            self._rows.close()

    def _turn(self) -> None:
        while self._outcomes:
            self._settle(self._outcomes.popleft())
        if self._followed is not None:
            followed, self._followed = self._followed, None
            self._outbox.follow(*followed)
        for _ in range(
            len(self._inbox)
        ):  # no more than that: a flood must not keep it from sending
            notice = self._inbox.popleft()
            self._outbox.put(notice, self._wall())
            if notice.listed and self._rows is not None:
                self._alerts.append(notice)
        self._give_up_late()
        self._save()
        for send in self._outbox.next(self._wall(), self._monotonic()):
            self._sent_at[send.channel] = send, self._monotonic()
            self._senders[send.channel].give(send)

    def _settle(self, outcome: Outcome) -> None:
        """What a channel says; late, it may have been given up meanwhile."""
        name = outcome.send.channel
        was_given_up = self._sent_at.pop(name, None) is None
        self._outbox.free(name)
        if not outcome.error:
            self._note_delivery(outcome.send)
            if self._outbox.delivered(outcome.send):
                self._on_recovery(name)
        elif not was_given_up:
            self._failed(outcome.send, outcome.error, outcome.rest)

    def _note_delivery(self, send: Send) -> None:
        now = self._wall()
        for letter in send.letters:
            self.delivery_times[send.channel].note(now - letter.notice.updated_at)

    def _give_up_late(self) -> None:
        """What a channel does not answer goes to the next one; it stays busy until it comes back."""
        now = self._monotonic()
        for name, (send, since) in [*self._sent_at.items()]:
            if now - since >= self._patience[name]:
                del self._sent_at[name]
                self._failed(send, NO_ANSWER, hangs=True)

    def _failed(self, send: Send, error: str, rest: float = 0.0, *, hangs: bool = False) -> None:
        if self._outbox.failed(send, self._monotonic(), rest, hangs=hangs):
            self._on_trouble(send.channel, error)

    def _wait(self) -> float:
        now = self._monotonic()
        late = [since + self._patience[name] - now for name, (_, since) in self._sent_at.items()]
        wait = min([self._outbox.wake_in(self._wall(), now), *late])
        if self._stopping.is_set():
            wait = min(wait, self._deadline - now)
        if self._save_after:
            wait = min(wait, self._save_after - now)
        return max(0.0, wait)

    def _is_done(self) -> bool:
        if not self._stopping.is_set() or self._inbox or self._outcomes:
            return False
        at = self._monotonic()
        is_quiet = self._outbox.is_idle and not self._outbox.has_ready(self._wall(), at)
        return is_quiet or at >= self._deadline

    # --- the database --------------------------------------------------------------------------------

    def _restore(self) -> None:
        if self._rows is None:
            return
        try:
            letters = [letter_of(row) for row in self._rows.all()]
        except (StateError, msgspec.DecodeError) as error:
            log.warning("what was not told before is not read: %s", described(error))
            return
        self._outbox.restore(letters, self._wall())

    def _save(self, *, at_once: bool = False) -> None:
        """Where it cannot be now, another time: what waits is sent all the same."""
        changed, gone = self._outbox.changes()
        now = self._monotonic()
        is_new = changed or gone or self._alerts
        if self._rows is None or not is_new or (now < self._save_after and not at_once):
            return
        alerts = [notice.row() for notice in self._alerts]
        try:
            self._rows.write([row_of(letter) for letter in changed], gone, alerts)
        except StateError as error:
            if not self._save_after:
                log.warning("what is not told yet cannot be stored: %s", error)
            self._save_after = now + SAVE_AGAIN_S
        else:
            self._outbox.saved()
            self._alerts.clear()
            self._save_after = 0.0


class Sender:
    """The thread of one channel. It is a daemon: one that hangs must not outlive the run."""

    def __init__(self, name: str, channel: Channel, answer: Callable[[Outcome], None]) -> None:
        self._channel = channel
        self._answer = answer
        self._given: queue.SimpleQueue[Send | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"alerts-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._given.put(None)

    def give(self, send: Send) -> None:
        self._given.put(send)

    def _run(self) -> None:
        while (send := self._given.get()) is not None:
            try:
                self._channel.send(_message(send))
            except ChannelFailed as error:
                self._answer(Outcome(send, str(error) or "it was not sent", error.rest))
            except Exception as error:  # a channel's bug is a failure of that channel
                self._answer(Outcome(send, described(error)))
            else:
                self._answer(Outcome(send))


def _message(send: Send) -> Message:
    first = send.letters[0]
    key = f"{first.key}#{first.id}" + (f"+{len(send.letters) - 1}" if send.letters[1:] else "")
    notices = [letter.notice for letter in send.letters]
    return message_of(key, notices, unanswered=any(letter.step for letter in send.letters))


def unaddressed(number: int, notice: Notice) -> OutboxRow:
    """For whoever is to know of it by the channels of the next dispatcher."""
    return row_of(Letter(id=number, key=f"{notice.id}/unaddressed", notice=notice, channels=()))


def row_of(letter: Letter) -> OutboxRow:
    return OutboxRow(
        id=letter.id,
        key=letter.key,
        channels=msgspec.json.encode(letter.channels).decode(),
        due=letter.due,
        step=int(letter.step),
        notice=msgspec.json.encode(letter.notice).decode(),
    )


def letter_of(row: OutboxRow) -> Letter:
    """As it was stored. Raises msgspec.DecodeError."""
    return Letter(
        id=row.id,
        key=row.key,
        notice=msgspec.json.decode(row.notice, type=Notice),
        channels=msgspec.json.decode(row.channels, type=tuple[str, ...]),
        due=row.due,
        step=bool(row.step),
    )


__all__ = ["Dispatcher", "letter_of", "row_of", "unaddressed"]
