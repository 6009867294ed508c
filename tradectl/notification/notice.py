"""What people are told: one alert or trade as a line, several as a list.

The texts come from exchanges, files and strategies. They are shown by services that make links, mentions
and markup of what they get: here they lose what could be taken for any, and what nobody may see.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from tradectl.domain.redaction import Redaction
from tradectl.domain.states import AlertSeverity, AlertStatus
from tradectl.domain.text import counted, harmless
from tradectl.domain.time import iso
from tradectl.notification.address import without_addresses

TRADES = "trades"
SETTINGS_CHANGED, SETTINGS_LOOSENED = "settings_changed", "settings_loosened"
TOLD_EACH = frozenset((SETTINGS_CHANGED, SETTINGS_LOOSENED))
"""Types of alerts that are no conditions but what somebody did: each is told, and that the next one took
its place in the list is not told as its end."""
UNANSWERED = "nobody has acknowledged"
LISTED = 20
"""Of more alerts in one message these are named: the gravest."""
_ANYWHERE = Redaction()
_TELLING = ("sign", "key", "token", "secret", "pass", "cookie", "auth")
"""A part of each name whose value is hidden."""
_MARKUP = str.maketrans(
    {"<": "\u2039", ">": "\u203a", "`": "'", "*": "\u2217", "@": "\uff20", "[": "(", "]": ")"}
)
"""What makes links, mentions and markup, by characters that look alike and do nothing."""


class Notice(Struct, frozen=True, gc=False, kw_only=True):
    """An alert as it is to be told, or a trade (`about`). Times in ns UTC. One that is `listed` is in the
    list of alerts, too."""

    id: str
    run_id: str
    type: str
    severity: AlertSeverity
    component: str
    message: str
    created_at: int
    updated_at: int
    status: AlertStatus = AlertStatus.ACTIVE
    count: int = 1
    about: str = "alerts"
    listed: bool = True

    @property
    def is_resolved(self) -> bool:
        return self.status is AlertStatus.RESOLVED

    @property
    def topic(self) -> str:
        """What is newer of the same one takes its place while it waits to be told."""
        is_single = self.about == TRADES or self.type in TOLD_EACH
        return self.id if is_single else f"{self.type} {self.component}"

    def row(self) -> dict[str, Any]:
        """As a webhook gets it; the keys are those of `tradectl alerts --json`."""
        return {
            "id": self.id,
            "run_id": self.run_id,
            "type": self.type,
            "severity": self.severity.value,
            "message": self.message,
            "component": self.component,
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
            "status": self.status.value,
            "count": self.count,
        }

    def line(self) -> str:
        """Without markup."""
        if self.about == TRADES:
            return self.message.translate(_MARKUP)
        what = "RESOLVED" if self.is_resolved else self.severity.upper()
        times = f" ({counted(self.count, 'time')})" if self.count > 1 else ""
        return f"{what} {self.message}{times} ({self.component}, {self.type})".translate(_MARKUP)


class Message(Struct, frozen=True, kw_only=True):
    """What a channel sends at once. `key` is the same when it is sent again; it is `unanswered` where
    nobody has acknowledged one of them, as title and text say."""

    key: str
    title: str
    text: str
    severity: AlertSeverity
    notices: tuple[Notice, ...]
    unanswered: bool = False


def safe(text: str) -> str:
    """One line that a terminal, a log and a person may have: no secret, no address, nothing to obey.

    There may be a thousand a second, and few have anything to look for.
    """
    lower = text.lower()
    if "://" in lower:
        text = without_addresses(text)
    if any(word in lower for word in _TELLING):
        text = _ANYWHERE.clean(text)
    return harmless(text)


def message_of(key: str, notices: Sequence[Notice], *, unanswered: bool = False) -> Message:
    """The gravest first where there are several; `unanswered`, where nobody has acknowledged one."""
    worst = sorted(notices, key=lambda notice: -notice.severity.rank)
    severity = worst[0].severity
    if len(worst) == 1:
        text = worst[0].line()
        title = "tradectl" if worst[0].about == TRADES else f"tradectl: {worst[0].type}"
    else:
        lines = [notice.line() for notice in worst[:LISTED]]
        more = len(worst) - len(lines)
        text = "\n".join([*lines, *([f"and {more} more: tradectl alerts --all"] * bool(more))])
        title = f"tradectl: {counted(len(worst), 'message')}"
    if unanswered:
        title, text = f"{title}, {UNANSWERED}", f"{UNANSWERED}: {text}"
    return Message(
        key=key,
        title=title.translate(_MARKUP),
        text=text,
        severity=severity,
        notices=tuple(worst),
        unanswered=unanswered,
    )


__all__ = [
    "SETTINGS_CHANGED",
    "SETTINGS_LOOSENED",
    "TOLD_EACH",
    "TRADES",
    "UNANSWERED",
    "Message",
    "Notice",
    "message_of",
    "safe",
]
