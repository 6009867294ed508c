"""What waits to be told, and by which channel it goes: on a clock that the test moves."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.fixtures.notices import NOON, notice, resolved
from tests.fixtures.rows import each_row
from tradectl.domain.errors import ConfigError
from tradectl.domain.states import AlertSeverity, AlertStatus
from tradectl.domain.time import HOUR, MINUTE, SECOND
from tradectl.notification.notice import SETTINGS_LOOSENED
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


class Sending:
    """An outbox and the time: what goes out is answered at once."""

    def __init__(
        self,
        *routes: AlertRoute,
        steps: tuple[AlertEscalation, ...] = (),
        channels: tuple[AlertChannel, ...] = (PHONE, MAIL),
        settings: AlertSettings | None = None,
        time_zone: str = "UTC",
    ) -> None:
        self.now, self.at = NOON, 100.0
        self.in_hand: set[str] = set()
        names = [channel.name for channel in channels]
        self.outbox = Outbox(
            channels,
            Routes(names, routes, steps, settings, time_zone),
            is_in_hand=self.in_hand.__contains__,
        )

    def follow(self, *routes: AlertRoute, steps: tuple[AlertEscalation, ...] = ()) -> None:
        self.outbox.follow(Routes(["phone", "mail"], routes, steps), AlertSettings())

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
    sending = Sending()
    sending.outbox.put(notice("a1", "warning"), sending.now)
    sending.outbox.put(notice("a2", "info"), sending.now)
    assert sending.sent() == ["phone:a1"]
    assert sending.sent() == []


def test_a_channel_that_fails_escalates_to_the_next_at_once_and_is_tried_again_later() -> None:
    sending = Sending(BOTH)
    sending.outbox.put(notice("a1"), sending.now)
    assert sending.sent("phone") == ["phone:a1", "mail:a1"]
    sending.outbox.put(notice("a2"), sending.now)
    assert sending.sent() == ["mail:a2"]
    sending.wait(1.0)
    sending.outbox.put(notice("a3"), sending.now)
    assert sending.sent() == ["phone:a3"]


def test_one_that_hangs_is_left_alone_until_it_comes_back() -> None:
    sending = Sending(BOTH)
    sending.outbox.put(notice("a1"), sending.now)
    (send,) = sending.next()
    sending.outbox.failed(send, sending.at, hangs=True)
    assert sending.sent() == ["mail:a1"]
    sending.wait(3600)
    sending.outbox.put(notice("a2", updated_at=sending.now), sending.now)
    assert sending.sent() == ["mail:a2"]
    sending.outbox.free("phone")
    sending.outbox.put(notice("a3", updated_at=sending.now), sending.now)
    assert sending.sent() == ["phone:a3"]


def test_where_no_channel_works_it_waits_twice_as_long_each_time() -> None:
    sending = Sending(AlertRoute(channels=("phone",)))
    sending.outbox.put(notice("a1"), sending.now)
    assert sending.sent("phone") == ["phone:a1"]
    for pause in (1, 2, 4, 8):
        sending.wait(pause - 0.1)
        assert sending.sent() == []
        sending.wait(0.1)
        assert sending.sent("phone") == ["phone:a1"]
    sending.wait(300)
    assert sending.sent() == ["phone:a1"]
    assert len(sending.outbox) == 0


def test_a_channel_is_in_trouble_from_its_second_failure_until_it_works() -> None:
    sending = Sending(AlertRoute(channels=("phone",)))
    sending.outbox.put(notice("a1"), sending.now)
    told = []
    for _ in range(3):
        (send,) = sending.next()
        sending.outbox.free("phone")
        told.append(sending.outbox.failed(send, sending.at))
        sending.wait(300)
    assert told == [False, True, False]
    (send,) = sending.next()
    assert sending.outbox.delivered(send)


def test_one_that_hangs_is_in_trouble_at_once_and_is_told_of_once() -> None:
    """It may never come back to fail a second time."""
    sending = Sending(AlertRoute(channels=("phone",)))
    sending.outbox.put(notice("a1"), sending.now)
    told = []
    for _ in range(3):
        (send,) = sending.next()
        told.append(sending.outbox.failed(send, sending.at, hangs=True))
        sending.outbox.free("phone")
        sending.wait(300)
    assert told == [True, False, False]
    (send,) = sending.next()
    assert sending.outbox.delivered(send)


def test_a_channel_that_asks_to_be_left_alone_is() -> None:
    sending = Sending(AlertRoute(channels=("phone",)))
    sending.outbox.put(notice("a1"), sending.now)
    (send,) = sending.next()
    sending.outbox.free("phone")
    sending.outbox.failed(send, sending.at, 30.0)
    sending.wait(29)
    assert sending.sent() == []
    sending.wait(1)
    assert sending.sent() == ["phone:a1"]


def test_what_is_newer_of_the_same_alert_replaces_what_waits() -> None:
    sending = Sending(AlertRoute(channels=("phone",)))
    sending.outbox.put(notice("a1"), sending.now)
    sending.outbox.put(notice("a1", count=7), sending.now)
    (send,) = sending.next()
    assert [letter.notice.count for letter in send.letters] == [7]
    sending.outbox.put(notice("a1", count=8), sending.now)
    sending.outbox.free("phone")
    sending.outbox.failed(send, sending.at)
    sending.wait(1)
    (send,) = sending.next()
    assert [letter.notice.count for letter in send.letters] == [8]
    assert len(sending.outbox) == 1


def test_each_change_of_settings_is_told_however_many_wait() -> None:
    sending = Sending(AlertRoute(channels=("phone",)))
    for number in (1, 2, 3):
        if number > 1:
            over = replace(notice(f"a{number - 1}"), status=AlertStatus.RESOLVED)
            sending.outbox.put(replace(over, type=SETTINGS_LOOSENED), sending.now)
        changed = replace(notice(f"a{number}"), type=SETTINGS_LOOSENED)
        sending.outbox.put(changed, sending.now)
    assert sending.sent() == ["phone:a1", "phone:a2", "phone:a3"]


def test_that_it_is_over_is_told_to_whom_it_was_told() -> None:
    sending = Sending(
        AlertRoute(channels=("phone",)), AlertRoute(channels=("mail",), resolved=False)
    )
    sending.outbox.put(notice("a1"), sending.now)
    assert sending.sent() == ["phone:a1", "mail:a1"]
    sending.outbox.put(resolved("a1"), sending.now)
    assert sending.sent() == ["phone:a1"]


def test_who_was_told_by_a_route_that_is_gone_is_told_that_it_is_over() -> None:
    to_phone, to_mail = AlertRoute(channels=("phone",)), AlertRoute(channels=("mail",))
    late = AlertEscalation(channels=("mail",), after_seconds=60)
    sending = Sending(to_phone, to_mail, steps=(STEP,))
    for each in ("a1", "a2"):
        sending.outbox.put(notice(each, "critical"), sending.now)
    assert sending.sent() == ["phone:a1", "mail:a1", "phone:a2", "mail:a2"]
    sending.follow(to_mail, steps=(late,))  # what is woken already is not woken again
    sending.outbox.put(notice("a3", "critical"), sending.now)
    assert sending.sent() == ["mail:a3"]
    sending.outbox.put(resolved("a1", "critical"), sending.now)
    assert sorted(sending.sent()) == ["mail:a1", "phone:a1"]  # of the step it never heard
    sending.wait(600)
    assert sending.sent() == ["mail:a2", "mail:a3"]
    sending.follow(to_phone)
    sending.outbox.put(notice("a2", "critical", count=2), sending.now)
    for each in ("a2", "a3"):
        sending.outbox.put(resolved(each, "critical"), sending.now)
    found = sorted(sending.sent())
    assert found == ["mail:a2", "mail:a3", "phone:a2", "phone:a3"]


def test_a_condition_that_comes_and_goes_is_told_of_once_in_a_while() -> None:
    sending = Sending(AlertRoute(channels=("phone",)))
    told = []
    for number in range(120):
        alert: dict[str, Any] = {"component": "feed:X", "updated_at": sending.now}
        sending.outbox.put(notice(f"a{number}", **alert), sending.now)
        told += sending.sent()
        sending.outbox.put(notice(f"a{number}", status=AlertStatus.RESOLVED, **alert), sending.now)
        told += sending.sent()
        sending.wait(1)
    assert told == ["phone:a0", "phone:a0", "phone:a60", "phone:a60"]
    sending.outbox.put(notice("grave", "critical", component="feed:X"), sending.now)
    assert sending.sent() == ["phone:grave"]


def test_many_go_together_and_the_gravest_first() -> None:
    sending = Sending(AlertRoute(channels=("phone",)))
    for number in range(5):
        sending.outbox.put(notice(f"a{number}"), sending.now)
    sending.outbox.put(notice("worst", "critical"), sending.now)
    assert sending.sent() == ["phone:worst+a0+a1+a2+a3+a4"]


def test_what_failed_goes_alone() -> None:
    sending = Sending(AlertRoute(channels=("phone",)))
    for number in range(4):
        sending.outbox.put(notice(f"a{number}"), sending.now)
    assert sending.sent("phone") == ["phone:a0+a1+a2+a3"]
    sending.wait(1)
    assert sending.sent() == ["phone:a0", "phone:a1", "phone:a2", "phone:a3"]


def test_more_than_is_allowed_waits_and_what_is_critical_does_not() -> None:
    sending = Sending(
        AlertRoute(channels=("phone",)), channels=(AlertChannel(name="phone", per_minute=2),)
    )
    for alert_id in ("a1", "a2", "a3"):
        sending.outbox.put(notice(alert_id), sending.now)
    assert sending.sent() == ["phone:a1"]
    sending.outbox.put(notice("grave", "critical"), sending.now)
    assert sending.sent() == ["phone:grave"]
    sending.wait(30)
    assert sending.sent() == ["phone:a2"]


@each_row(
    ("hour", "severity", "waits_hours"),
    [(21, "error", 0), (22, "error", 9), (3, "error", 4), (7, "error", 0), (3, "critical", 0)],
)
def test_in_quiet_hours_only_what_is_critical_is_told(
    hour: int, severity: str, waits_hours: int
) -> None:
    sending = Sending(settings=AlertSettings(quiet_hours="22:00-07:00"))
    sending.now = NOON - 12 * HOUR + hour * HOUR
    sending.outbox.put(notice("a1", severity, updated_at=sending.now), sending.now)
    if waits_hours:
        sending.wait(waits_hours * 3600 - 1)
        assert sending.sent() == []
        sending.wait(1)
    assert sending.sent() == ["phone:a1"]


def test_quiet_hours_that_end_as_they_begin_are_refused() -> None:
    """All day, or never? Nobody can say."""
    with pytest.raises(ConfigError, match="an end other than the beginning"):
        AlertSettings(quiet_hours="22:00-22:00")


def test_quiet_hours_are_those_of_their_time_zone() -> None:
    settings = AlertSettings(quiet_hours="00:00-08:00")
    sending = Sending(settings=settings, time_zone="Asia/Tokyo")
    sending.now = NOON + 4 * HOUR  # 01:00 there
    sending.outbox.put(notice("a1", updated_at=sending.now), sending.now)
    sending.wait(7 * 3600 - 1)
    assert sending.sent() == []
    sending.wait(1)
    assert sending.sent() == ["phone:a1"]


# --- escalation ----------------------------------------------------------------------------------------


def test_a_step_is_taken_when_nobody_acknowledges() -> None:
    sending = Sending(AlertRoute(channels=("phone",)), steps=(STEP,))
    sending.outbox.put(notice("a1", "critical"), sending.now)
    sending.outbox.put(notice("a1", "critical", count=2), sending.now)
    assert sending.sent() == ["phone:a1"]
    sending.wait(599)
    assert sending.sent() == []
    sending.wait(1)
    assert sending.sent() == ["mail:a1"]
    sending.outbox.put(notice("a1", "critical", count=3), sending.now)
    sending.wait(700)
    assert sending.sent() == ["phone:a1"]
    sending.outbox.put(resolved("a1", "critical"), sending.now)
    assert sending.sent() == ["phone:a1", "mail:a1"]


@pytest.mark.parametrize("status", [AlertStatus.ACKNOWLEDGED, AlertStatus.RESOLVED])
def test_no_step_is_taken_once_somebody_has_it_in_hand(status: AlertStatus) -> None:
    sending = Sending(AlertRoute(channels=("phone",), resolved=False), steps=(STEP,))
    sending.outbox.put(notice("a1", "critical"), sending.now)
    sending.sent()
    sending.outbox.put(notice("a1", "critical", status=status), sending.now)
    sending.wait(3600)
    assert sending.sent() == []
    assert len(sending.outbox) == 0


def test_no_step_is_taken_when_the_database_knows_that_it_is_in_hand() -> None:
    sending = Sending(AlertRoute(channels=("phone",)), steps=(STEP,))
    sending.outbox.put(notice("a1", "critical"), sending.now)
    sending.sent()
    sending.in_hand.add("a1")
    sending.wait(3600)
    assert sending.sent() == []


def test_an_alert_that_gets_worse_escalates_from_then_on() -> None:
    sending = Sending(AlertRoute(channels=("phone",)), steps=(STEP,))
    sending.outbox.put(notice("a1", "error"), sending.now)
    sending.wait(3600)
    assert sending.sent() == ["phone:a1"]
    sending.outbox.put(notice("a1", "critical", updated_at=sending.now), sending.now)
    assert sending.sent() == ["phone:a1"]
    sending.wait(600)
    assert sending.sent() == ["mail:a1"]


# --- durable, bounded ----------------------------------------------------------------------------------


def test_what_is_to_be_stored_is_what_waits() -> None:
    sending = Sending(BOTH, AlertRoute(channels=("mail",)))
    sending.outbox.put(notice("a1"), sending.now)
    changed, gone = sending.outbox.changes()
    assert ([letter.key for letter in changed], gone) == (["a1/route0", "a1/route1"], [])
    sending.outbox.saved()
    assert sending.outbox.changes() == ([], [])
    sending.sent()
    assert sending.outbox.changes() == ([], [1, 2])


def test_what_an_earlier_run_left_goes_by_the_channels_that_there_are() -> None:
    before, after = Sending(BOTH), Sending(channels=(MAIL,))
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
    sending = Sending(AlertRoute(channels=("phone",), severity=AlertSeverity.INFO))
    sending.outbox.put(notice("mild", "info"), sending.now)
    for number in range(MOST_LETTERS):
        sending.outbox.put(notice(f"a{number}"), sending.now)
    assert (len(sending.outbox), sending.outbox.dropped) == (MOST_LETTERS, 1)


def test_what_nobody_could_be_told_for_days_is_let_go() -> None:
    sending = Sending(AlertRoute(channels=("phone",)))
    sending.outbox.put(notice("a1"), sending.now)
    sending.sent("phone")
    sending.wait(73 * 3600)
    assert sending.sent() == []
    assert sending.outbox.dropped == 1


def test_it_wakes_for_what_is_due() -> None:
    sending = Sending(settings=AlertSettings(quiet_hours="11:00-12:01"))
    assert sending.outbox.wake_in(sending.now, sending.at) == 60
    sending.outbox.put(notice("a1"), sending.now)
    assert sending.outbox.wake_in(sending.now, sending.at) == pytest.approx(60)
    sending.now += MINUTE
    sending.sent("phone", "mail")
    assert sending.outbox.wake_in(sending.now, sending.at) == pytest.approx(1)


def test_nothing_wakes_for_a_channel_that_is_busy() -> None:
    sending = Sending(BOTH)
    sending.outbox.put(notice("a1"), sending.now)
    sending.next()
    sending.outbox.put(notice("a2"), sending.now)
    assert sending.next() == []
    assert sending.outbox.wake_in(sending.now, sending.at) == 60
