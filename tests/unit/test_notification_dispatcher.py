"""The thread that tells people, with a real database and a webhook on this machine."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.fixtures.command import wait_until
from tests.fixtures.notices import OtherEnd, notice, other_end
from tradectl.bus.clock import ComputerClock
from tradectl.domain.time import SECOND, iso
from tradectl.notification.channel import Channel, ChannelFailed
from tradectl.notification.dispatcher import Dispatcher
from tradectl.notification.notice import Message, Notice
from tradectl.notification.notification_settings import (
    AlertChannel,
    AlertEscalation,
    AlertRoute,
)
from tradectl.notification.outbox import Outbox
from tradectl.notification.routes import Routes
from tradectl.notification.webhook import Webhook
from tradectl.storage.outbox_rows import OutboxRows
from tradectl.storage.schema import connect, prepare

LONGEST_S = 30.0


@pytest.fixture
def end() -> Iterator[OtherEnd]:
    with other_end() as end:
        yield end


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "state.db"
    with closing(connect(str(path))) as db:
        prepare(db, path)
    return path


def stored(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as db:
        return [key for (key,) in db.execute("SELECT key FROM outbox ORDER BY id")]


class Kept:
    """A channel that keeps what it is given; told to, it fails, or hangs until it is let go."""

    def __init__(self, *, fails: bool = False, hangs: bool = False) -> None:
        self.messages: list[Message] = []
        self.fails = fails
        self.let_go = threading.Event()
        self.came = threading.Semaphore(0)
        if not hangs:
            self.let_go.set()

    def send(self, message: Message) -> None:
        assert self.let_go.wait(LONGEST_S)
        if not self.fails:
            self.messages.append(message)
        self.came.release()
        if self.fails:
            raise ChannelFailed("it never works")

    def wait(self) -> None:
        assert self.came.acquire(timeout=LONGEST_S)


Make = Callable[..., Dispatcher]


@pytest.fixture
def make(database: Path) -> Iterator[Make]:
    made: list[Dispatcher] = []

    def make(
        channels: dict[str, Channel],
        *,
        patience: float = LONGEST_S,
        steps: tuple[AlertEscalation, ...] = (),
        rows: OutboxRows | None = None,
    ) -> Dispatcher:
        names = [*channels]
        route = AlertRoute(channels=tuple(names))
        rows = rows or OutboxRows(database)
        outbox = Outbox(
            [AlertChannel(name=name) for name in names],
            Routes(names, [route], steps),
            is_in_hand=rows.is_in_hand,
        )
        with_patience = {name: (channel, patience) for name, channel in channels.items()}
        dispatcher = Dispatcher(outbox, with_patience, rows)
        dispatcher.start()
        made.append(dispatcher)
        return dispatcher

    yield make
    for dispatcher in made:
        dispatcher.stop(0)


def new(alert_id: str, severity: str = "error", ago: int = 0) -> Notice:
    now = ComputerClock.wall() - ago * SECOND
    return notice(alert_id, severity, created_at=now, updated_at=now)


def test_an_alert_reaches_a_webhook_and_is_stored_no_more(
    make: Make, end: OtherEnd, database: Path
) -> None:
    dispatcher = make({"phone": Webhook(end.url, 5)})
    dispatcher.put(new("a1"))
    (body,) = end.wait_for(1)
    assert body["alerts"][0]["id"] == "a1"
    assert (
        body["text"] == body["content"].partition("\n")[2] == "ERROR no data (feed:a1, feed_stale)"
    )
    dispatcher.stop(LONGEST_S)
    assert stored(database) == []


def test_what_is_sent_is_in_the_list_of_alerts_by_then(
    make: Make, end: OtherEnd, database: Path
) -> None:
    dispatcher = make({"phone": Webhook(end.url, 5)})
    dispatcher.put(new("a1"))
    dispatcher.put(replace(new("s1"), listed=False))
    end.wait_for(2)
    with closing(sqlite3.connect(database)) as db:
        assert [*db.execute("SELECT id, severity, status, count FROM alerts")] == [
            ("a1", "error", "active", 1)
        ]


def test_what_was_not_told_before_the_process_was_killed_is_told_once_by_the_next(
    make: Make, end: OtherEnd, database: Path
) -> None:
    hangs = Kept(hangs=True)
    killed = make({"phone": hangs})
    killed.put(new("a1"))
    killed.put(new("a2"))
    killed.stop(0.05)
    assert stored(database) == ["a1/route0", "a2/route0"]
    later = make({"phone": Webhook(end.url, 5)})
    end.wait_for(2)
    later.stop(LONGEST_S)
    assert end.ids == ["a1", "a2"]
    assert len(set(end.keys)) == 2
    assert stored(database) == []
    make({"phone": Webhook(end.url, 5)}).stop(LONGEST_S)
    assert end.ids == ["a1", "a2"]
    hangs.let_go.set()


def test_one_that_was_stopped_goes_on_once_it_is_started_again(
    make: Make, end: OtherEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradectl.notification.outbox.FIRST_REST_S", 0.01)
    end.status = 500
    dispatcher = make({"phone": Webhook(end.url, 5)})
    dispatcher.start()
    dispatcher.put(new("a1"))
    dispatcher.stop(0.1)
    dispatcher.stop(0)
    end.status = 200
    dispatcher.put(new("a2"))
    dispatcher.start()
    end.wait_for(2)
    assert sorted(end.ids) == ["a1", "a2"]


def test_a_channel_that_fails_or_hangs_escalates_to_the_next_and_is_told_of(make: Make) -> None:
    fails, hangs, works = Kept(fails=True), Kept(hangs=True), Kept()
    dispatcher = make({"one": fails, "two": hangs, "three": works}, patience=0.05)
    dispatcher.put(new("a1"))
    works.wait()
    assert [message.notices[0].id for message in works.messages] == ["a1"]
    hangs.let_go.set()


def test_trouble_and_its_end_are_told(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradectl.notification.outbox.FIRST_REST_S", 0.01)
    channel, told, changed = Kept(fails=True), [], threading.Semaphore(0)
    dispatcher = make({"phone": channel})

    def trouble(name: str, error: str) -> None:
        told.append((name, error))
        changed.release()

    def recovery(name: str) -> None:
        told.append((name, ""))
        changed.release()

    dispatcher.heed(trouble, recovery)
    dispatcher.put(new("a1"))
    assert changed.acquire(timeout=LONGEST_S)
    channel.fails = False
    assert changed.acquire(timeout=LONGEST_S)
    assert told == [("phone", "it never works"), ("phone", "")]


def test_what_comes_too_late_and_nobody_else_had_is_not_sent_again(make: Make) -> None:
    slow = Kept(hangs=True)
    dispatcher = make({"phone": slow}, patience=0.02)
    dispatcher.put(new("a1"))
    threading.Event().wait(0.1)  # given up by then
    slow.let_go.set()
    slow.wait()
    dispatcher.put(new("a2"))
    slow.wait()
    assert [message.notices[0].id for message in slow.messages] == ["a1", "a2"]


class Slow(OutboxRows):
    """A database that is busy until it is let go."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.writing, self.let_go = threading.Event(), threading.Event()

    def write(self, *written: Any) -> None:
        self.writing.set()
        assert self.let_go.wait(LONGEST_S)
        super().write(*written)


def test_a_flood_pushes_out_no_outcome_and_what_is_let_go_is_counted(
    make: Make, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A channel whose outcome is lost would be busy for ever."""
    monkeypatch.setattr("tradectl.notification.dispatcher.MOST_IN_INBOX", 10)
    channel, rows = Kept(), Slow(database)
    rows.let_go.set()
    dispatcher = make({"phone": channel}, rows=rows)
    channel.let_go.clear()
    dispatcher.put(new("a1"))
    assert rows.writing.wait(LONGEST_S)
    rows.writing.clear()
    rows.let_go.clear()
    dispatcher.put(new("a2"))
    assert rows.writing.wait(LONGEST_S)
    channel.let_go.set()
    channel.wait()  # its outcome waits for the database now
    wait_until(lambda: dispatcher._outcomes)
    for each in range(30):
        dispatcher.put(new(f"b{each}"))
    rows.let_go.set()
    channel.wait()
    assert dispatcher.dropped == 20


class Locked(OutboxRows):
    def write(self, *_: object) -> None:
        raise self._failed("write", sqlite3.OperationalError("database is locked"))


def test_a_database_that_takes_nothing_holds_nothing_up(make: Make, database: Path) -> None:
    channel = Kept()
    make({"phone": channel}, rows=Locked(database)).put(new("a1"))
    channel.wait()
    assert len(channel.messages) == 1


def test_whoever_acknowledged_in_the_database_is_not_escalated(make: Make, database: Path) -> None:
    first, second = Kept(), Kept()
    step = AlertEscalation(channels=("second",), after_seconds=1)
    with closing(sqlite3.connect(database)) as db, db:
        moment = iso(0)
        for alert_id, status in (("a1", "acknowledged"), ("a2", "active")):
            db.execute(
                "INSERT INTO alerts VALUES (?, 'r', 't', 'critical', 'm', 'c', ?, ?, ?, 1)",
                (alert_id, moment, moment, status),
            )
    dispatcher = make({"first": first, "second": second}, steps=(step,))
    for alert_id in ("a1", "a2"):
        dispatcher.put(new(alert_id, "critical", ago=2))
    second.wait()
    dispatcher.stop(LONGEST_S)
    (message,) = second.messages
    assert [each.id for each in message.notices] == ["a2"]
    assert message.text.startswith("nobody has acknowledged: CRITICAL")
