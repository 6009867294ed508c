"""A command that is called in the process of the tests answers for its own threads, and for no others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.fixtures import in_process
from tests.fixtures.answer import Answer

Played = Callable[[Callable[[], object]], Answer]


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    def run(does: Callable[[], object]) -> Answer:
        monkeypatch.setattr(in_process, "main", does)
        return in_process.run(["status"], {}, within=30)

    return run


@pytest.fixture
def told() -> Iterator[threading.Event]:
    """What a thread waits for, to end."""
    event = threading.Event()
    yield event
    event.set()


def begun(does: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=does, daemon=True)
    thread.start()
    return thread


def test_what_a_server_of_the_test_begins_meanwhile_is_not_waited_for(
    played: Played, told: threading.Event
) -> None:
    asked, answered = threading.Event(), threading.Event()

    def serve() -> None:
        asked.wait()
        begun(told.wait)
        answered.set()

    begun(serve)

    def ask() -> None:
        asked.set()
        assert answered.wait(30)

    assert played(ask).code == 0


def test_what_it_began_is_waited_for_and_what_that_began(played: Played) -> None:
    gone, ended = threading.Event(), threading.Event()

    def second() -> None:
        gone.wait()
        ended.set()

    def first() -> None:
        begun(second)
        gone.set()

    assert played(lambda: begun(first)).code == 0
    assert ended.is_set()


def test_what_does_not_end_is_named(
    played: Played, told: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_process, "THREAD_ENDS_WITHIN_S", 0.01)
    with pytest.raises(AssertionError, match=r"status left Thread-\d+ \(wait\) behind"):
        played(lambda: begun(told.wait))
