"""What waits to be told, and by which channel it goes: on a clock that the test moves."""

from __future__ import annotations

import pytest

from tests.fixtures.notices import NOON, notice, resolved
from tradectl.domain.states import AlertSeverity, AlertStatus
from tradectl.domain.time import HOUR, MINUTE, SECOND
from tradectl.notification.notification_settings import (
    AlertChannel,
    AlertEscalation,
    AlertRoute,
    AlertSettings,
)
from tradectl.notification.outbox import MOST_LETTERS, Outbox, Send
from tradectl.notification.routes import Routes

PHONE, MAIL = AlertChannel(name="phone"), AlertChannel(name="mail")
STEP = AlertEscalation(channels=("mail",), after_seconds=600)
BOTH = AlertRoute(channels=("phone", "mail"))


class Desk:
    """An outbox and the time: what goes out is answered at once."""

    def __init__(
        self,
        *routes: AlertRoute,
        steps: tuple[AlertEscalation, ...] = (),
        channels: tuple[AlertChannel, ...] = (PHONE, MAIL),
        settings: AlertSettings | None = None,
    ) -> None:
        self.now, self.at = NOON, 100.0
        self.in_hand: set[str] = set()
        names = [channel.name for channel in channels]
        self.outbox = Outbox(
            channels,
            Routes(names, routes, steps, settings),
            is_in_hand=self.in_hand.__contains__,
        )

    def wait(self, seconds: float) -> None:
        self.now, self.at = self.now + int(seconds * SECOND), self.at + seconds

    def next(self) -> list[Send]:
        return self.outbox.next(self.now, self.at)

    def sent(self, *failing: str) -> list[str]:
        """All that goes out now, as channel:alert; those `failing` do."""
        told = []
        while sends := self.next():
            for send in sends:
                names = "+".join(letter.notice.id for letter in send.letters)
                told.append(f"{send.channel}:{names}")
                self.outbox.free(send.channel)
                if send.channel in failing:
                    self.outbox.failed(send, self.at)
                else:
                    self.outbox.delivered(send)
        return told


def test_without_routes_what_is_a_warning_goes_to_the_first_channel() -> None:
    desk = Desk()
    desk.outbox.put(notice("a1", "warning"), desk.now)
    desk.outbox.put(notice("a2", "info"), desk.now)
    assert desk.sent() == ["phone:a1"]
    assert desk.sent() == []


def test_a_channel_that_fails_escalates_to_the_next_at_once_and_is_tried_again_later() -> None:
    desk = Desk(BOTH)
    desk.outbox.put(notice("a1"), desk.now)
    assert desk.sent("phone") == ["phone:a1", "mail:a1"]
    desk.outbox.put(notice("a2"), desk.now)
    assert desk.sent() == ["mail:a2"]
    desk.wait(1.0)
    desk.outbox.put(notice("a3"), desk.now)
    assert desk.sent() == ["phone:a3"]


def test_where_no_channel_works_it_waits_twice_as_long_each_time() -> None:
    desk = Desk(AlertRoute(channels=("phone",)))
    desk.outbox.put(notice("a1"), desk.now)
    assert desk.sent("phone") == ["phone:a1"]
    for pause in (1, 2, 4, 8):
        desk.wait(pause - 0.1)
        assert desk.sent() == []
        desk.wait(0.1)
        assert desk.sent("phone") == ["phone:a1"]
    desk.wait(300)
    assert desk.sent() == ["phone:a1"]
    assert len(desk.outbox) == 0


def test_a_channel_is_in_trouble_from_its_second_failure_until_it_works() -> None:
    desk = Desk(AlertRoute(channels=("phone",)))
    desk.outbox.put(notice("a1"), desk.now)
    told = []
    for _ in range(3):
        (send,) = desk.next()
        desk.outbox.free("phone")
        told.append(desk.outbox.failed(send, desk.at))
        desk.wait(300)
    assert told == [False, True, False]
    (send,) = desk.next()
    assert desk.outbox.delivered(send)


def test_a_channel_that_asks_to_be_left_alone_is() -> None:
    desk = Desk(AlertRoute(channels=("phone",)))
    desk.outbox.put(notice("a1"), desk.now)
    (send,) = desk.next()
    desk.outbox.free("phone")
    desk.outbox.failed(send, desk.at, 30.0)
    desk.wait(29)
    assert desk.sent() == []
    desk.wait(1)
    assert desk.sent() == ["phone:a1"]


def test_what_is_newer_of_the_same_alert_replaces_what_waits() -> None:
    desk = Desk(AlertRoute(channels=("phone",)))
    desk.outbox.put(notice("a1"), desk.now)
    desk.outbox.put(notice("a1", count=7), desk.now)
    (send,) = desk.next()
    assert [letter.notice.count for letter in send.letters] == [7]
    desk.outbox.put(notice("a1", count=8), desk.now)
    desk.outbox.free("phone")
    desk.outbox.failed(send, desk.at)
    desk.wait(1)
    (send,) = desk.next()
    assert [letter.notice.count for letter in send.letters] == [8]
    assert len(desk.outbox) == 1


def test_that_it_is_over_is_told_to_whom_it_was_told() -> None:
    desk = Desk(AlertRoute(channels=("phone",)), AlertRoute(channels=("mail",), resolved=False))
    desk.outbox.put(notice("a1"), desk.now)
    assert desk.sent() == ["phone:a1", "mail:a1"]
    desk.outbox.put(resolved("a1"), desk.now)
    assert desk.sent() == ["phone:a1"]


def test_many_go_together_and_the_gravest_first() -> None:
    desk = Desk(AlertRoute(channels=("phone",)))
    for number in range(5):
        desk.outbox.put(notice(f"a{number}"), desk.now)
    desk.outbox.put(notice("worst", "critical"), desk.now)
    assert desk.sent() == ["phone:worst+a0+a1+a2+a3+a4"]


def test_what_failed_goes_alone() -> None:
    desk = Desk(AlertRoute(channels=("phone",)))
    for number in range(4):
        desk.outbox.put(notice(f"a{number}"), desk.now)
    assert desk.sent("phone") == ["phone:a0+a1+a2+a3"]
    desk.wait(1)
    assert desk.sent() == ["phone:a0", "phone:a1", "phone:a2", "phone:a3"]


def test_more_than_is_allowed_waits_and_what_is_critical_does_not() -> None:
    desk = Desk(
        AlertRoute(channels=("phone",)), channels=(AlertChannel(name="phone", per_minute=2),)
    )
    for alert_id in ("a1", "a2", "a3"):
        desk.outbox.put(notice(alert_id), desk.now)
    assert desk.sent() == ["phone:a1"]
    desk.outbox.put(notice("grave", "critical"), desk.now)
    assert desk.sent() == ["phone:grave"]
    desk.wait(30)
    assert desk.sent() == ["phone:a2"]


@pytest.mark.parametrize(
    ("hour", "severity", "waits_hours"),
    [(21, "error", 0), (22, "error", 9), (3, "error", 4), (7, "error", 0), (3, "critical", 0)],
)
def test_in_quiet_hours_only_what_is_critical_is_told(
    hour: int, severity: str, waits_hours: int
) -> None:
    desk = Desk(settings=AlertSettings(quiet_hours="22:00-07:00"))
    desk.now = NOON - 12 * HOUR + hour * HOUR
    desk.outbox.put(notice("a1", severity, updated_at=desk.now), desk.now)
    if waits_hours:
        desk.wait(waits_hours * 3600 - 1)
        assert desk.sent() == []
        desk.wait(1)
    assert desk.sent() == ["phone:a1"]


def test_quiet_hours_are_those_of_their_time_zone() -> None:
    settings = AlertSettings(quiet_hours="00:00-08:00", quiet_timezone="Asia/Tokyo")
    desk = Desk(settings=settings)
    desk.now = NOON + 4 * HOUR  # 01:00 there
    desk.outbox.put(notice("a1", updated_at=desk.now), desk.now)
    desk.wait(7 * 3600 - 1)
    assert desk.sent() == []
    desk.wait(1)
    assert desk.sent() == ["phone:a1"]


# --- escalation ----------------------------------------------------------------------------------------


def test_a_step_is_taken_when_nobody_acknowledges() -> None:
    desk = Desk(AlertRoute(channels=("phone",)), steps=(STEP,))
    desk.outbox.put(notice("a1", "critical"), desk.now)
    desk.outbox.put(notice("a1", "critical", count=2), desk.now)
    assert desk.sent() == ["phone:a1"]
    desk.wait(599)
    assert desk.sent() == []
    desk.wait(1)
    assert desk.sent() == ["mail:a1"]
    desk.outbox.put(notice("a1", "critical", count=3), desk.now)
    desk.wait(700)
    assert desk.sent() == ["phone:a1"]
    desk.outbox.put(resolved("a1", "critical"), desk.now)
    assert desk.sent() == ["phone:a1", "mail:a1"]


@pytest.mark.parametrize("status", [AlertStatus.ACKNOWLEDGED, AlertStatus.RESOLVED])
def test_no_step_is_taken_once_somebody_has_it_in_hand(status: AlertStatus) -> None:
    desk = Desk(AlertRoute(channels=("phone",), resolved=False), steps=(STEP,))
    desk.outbox.put(notice("a1", "critical"), desk.now)
    desk.sent()
    desk.outbox.put(notice("a1", "critical", status=status), desk.now)
    desk.wait(3600)
    assert desk.sent() == []
    assert len(desk.outbox) == 0


def test_no_step_is_taken_when_the_database_knows_that_it_is_in_hand() -> None:
    desk = Desk(AlertRoute(channels=("phone",)), steps=(STEP,))
    desk.outbox.put(notice("a1", "critical"), desk.now)
    desk.sent()
    desk.in_hand.add("a1")
    desk.wait(3600)
    assert desk.sent() == []


def test_an_alert_that_gets_worse_escalates_from_then_on() -> None:
    desk = Desk(AlertRoute(channels=("phone",)), steps=(STEP,))
    desk.outbox.put(notice("a1", "error"), desk.now)
    desk.wait(3600)
    assert desk.sent() == ["phone:a1"]
    desk.outbox.put(notice("a1", "critical", updated_at=desk.now), desk.now)
    assert desk.sent() == ["phone:a1"]
    desk.wait(600)
    assert desk.sent() == ["mail:a1"]


# --- durable, bounded ----------------------------------------------------------------------------------


def test_what_is_to_be_stored_is_what_waits() -> None:
    desk = Desk(BOTH, AlertRoute(channels=("mail",)))
    desk.outbox.put(notice("a1"), desk.now)
    changed, gone = desk.outbox.changes()
    assert ([letter.key for letter in changed], gone) == (["a1/route0", "a1/route1"], [])
    desk.outbox.saved()
    assert desk.outbox.changes() == ([], [])
    desk.sent()
    assert desk.outbox.changes() == ([], [1, 2])


def test_what_an_earlier_run_left_goes_by_the_channels_that_there_are() -> None:
    before, after = Desk(BOTH), Desk(channels=(MAIL,))
    before.outbox.put(notice("a1"), before.now)
    before.outbox.put(notice("a2"), before.now)
    letters, _ = before.outbox.changes()
    letters[1].channels = ("gone",)
    after.outbox.restore(letters, after.now)
    assert after.sent() == ["mail:a1", "mail:a2"]
    after.outbox.put(notice("b1"), after.now)
    ((letter,), _) = after.outbox.changes()
    assert letter.id > letters[1].id


def test_of_too_many_the_mildest_is_let_go() -> None:
    desk = Desk(AlertRoute(channels=("phone",), severity=AlertSeverity.INFO))
    desk.outbox.put(notice("mild", "info"), desk.now)
    for number in range(MOST_LETTERS):
        desk.outbox.put(notice(f"a{number}"), desk.now)
    assert (len(desk.outbox), desk.outbox.dropped) == (MOST_LETTERS, 1)


def test_what_nobody_could_be_told_for_days_is_let_go() -> None:
    desk = Desk(AlertRoute(channels=("phone",)))
    desk.outbox.put(notice("a1"), desk.now)
    desk.sent("phone")
    desk.wait(73 * 3600)
    assert desk.sent() == []
    assert desk.outbox.dropped == 1


def test_it_wakes_for_what_is_due() -> None:
    desk = Desk(settings=AlertSettings(quiet_hours="11:00-12:01"))
    assert desk.outbox.wake_in(desk.now, desk.at) == 60
    desk.outbox.put(notice("a1"), desk.now)
    assert desk.outbox.wake_in(desk.now, desk.at) == pytest.approx(60)
    desk.now += MINUTE
    desk.sent("phone", "mail")
    assert desk.outbox.wake_in(desk.now, desk.at) == pytest.approx(1)
