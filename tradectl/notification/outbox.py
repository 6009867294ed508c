"""The outbox: what people have not been told yet, and what is to be sent now.

A letter is one notice for one recipient, and goes by the first of its channels that works. A channel that
fails or does not answer is left alone for longer and longer, and meanwhile the next one has its letters;
where none works they wait. What waits is replaced by what is newer of the same condition, and one that
comes and goes is told of once in a while; of many that wait for one channel many go in one message.
Critical ones go first.

This is bookkeeping without I/O, thread or clock: `now` is ns UTC (0 never), `at` seconds that count on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tradectl.domain.resilience import pause_after
from tradectl.domain.states import AlertSeverity, AlertStatus
from tradectl.domain.time import HOUR, SECOND
from tradectl.notification.channel_state import ChannelState
from tradectl.notification.notice import TOLD_EACH, TRADES, Notice
from tradectl.notification.notification_settings import AlertChannel, AlertSettings
from tradectl.notification.routes import Recipient, Routes

MOST_LETTERS = 1_000
MOST_AT_ONCE = 50
GONE = "."
"""In the name of a recipient whose route or step is not among the settings any more."""
FEW = 3
"""So many that wait for a channel go one by one."""
FIRST_REST_S, LONGEST_REST_S = 1.0, 300.0
TROUBLE_AFTER = 2
"""Failures in a row of a channel that somebody is told of; of one that hangs, which may never fail again,
at once."""


class Letter(Struct, kw_only=True):
    """`key` is its alert and recipient; `due` is ns UTC, 0 for at once."""

    id: int
    key: str
    notice: Notice
    channels: tuple[str, ...]
    due: int = 0
    step: bool = False
    tries: int = 0

    @property
    def place(self) -> str:
        """Of the topic and recipient: one letter waits in it."""
        return f"{self.notice.topic}/{self.recipient}"

    @property
    def recipient(self) -> str:
        """Its name."""
        return self.key.rpartition("/")[2]


class Send(Struct, frozen=True):
    """Letters that a channel is given at once."""

    channel: str
    letters: tuple[Letter, ...]


class Outbox:
    """`is_in_hand(alert_id)` says whether somebody has acknowledged an alert, or it is over."""

    def __init__(
        self,
        channels: Sequence[AlertChannel],
        routes: Routes,
        *,
        is_in_hand: Callable[[str], bool] = lambda alert_id: False,
        keep_hours: float = 72.0,
        repeat_seconds: float = 60.0,
    ) -> None:
        self.channels = {settings.name: ChannelState(settings) for settings in channels}
        self.routes = routes
        self._is_in_hand = is_in_hand
        self._keep, self._repeat = int(keep_hours * HOUR), int(repeat_seconds * SECOND)
        self._told: dict[str, tuple[str, int]] = {}
        self._letters: dict[int, Letter] = {}
        self._waiting: dict[str, int] = {}
        self._under_way: set[int] = set()
        self._concerned: dict[str, dict[str, Recipient]] = {}
        """by alert and name, who is to hear that it is over, and who was woken"""
        self._changes = 0
        self._changed: set[int] = set()
        self._gone: set[int] = set()
        self._last_id = 0
        self.dropped = 0

    def follow(self, routes: Routes, settings: AlertSettings) -> None:
        """What is put in from here on goes by these; who was told by others hears that it is over."""
        gone = routes.others_than(self.routes)
        self._changes += 1
        for concerned in self._concerned.values():
            for name in sorted(gone & {*concerned}):
                concerned[f"{name}{GONE}{self._changes}"] = concerned.pop(name)
        for letter in self._letters.values():
            if letter.recipient in gone:
                self._rename(letter, f"{letter.recipient}{GONE}{self._changes}")
        self.routes = routes
        self._keep = int(settings.keep_hours * HOUR)
        self._repeat = int(settings.repeat_seconds * SECOND)

    def _rename(self, letter: Letter, recipient: str) -> None:
        waits = self._waiting.get(letter.place) == letter.id
        if waits:
            del self._waiting[letter.place]
        letter.key = f"{letter.key.rpartition('/')[0]}/{recipient}"
        if waits:
            self._waiting[letter.place] = letter.id
        self._changed.add(letter.id)

    def __len__(self) -> int:
        return len(self._letters)

    # --- in ------------------------------------------------------------------------------------------

    def restore(self, letters: Iterable[Letter], now: int) -> None:
        """What an earlier run left: by the channels that there are now, else to whom it would go now. One
        without any is for everybody who is to have it."""
        unaddressed = []
        for letter in letters:
            if letter.id in self._letters:
                continue
            self._last_id = max(self._last_id, letter.id)
            if not letter.channels:
                unaddressed.append(letter)
                continue
            channels = tuple(name for name in letter.channels if name in self.channels)
            if not channels and not letter.step:
                recipient = next(self.routes.of(letter.notice, now), None)
                channels = recipient.channels if recipient else ()
            if not channels:
                self._gone.add(letter.id)
                continue
            letter.channels, letter.tries = channels, 0
            self._letters[letter.id] = letter
            self._waiting[letter.place] = letter.id
        for letter in unaddressed:
            self._gone.add(letter.id)
            self.put(letter.notice, now)

    def put(self, notice: Notice, now: int) -> None:
        """For everybody who is to have it."""
        if notice.status is not AlertStatus.ACTIVE:
            self._drop_steps(notice.id)
        if notice.status is AlertStatus.ACKNOWLEDGED:
            return
        if notice.is_resolved and notice.type in TOLD_EACH:
            self._concerned.pop(notice.id, None)
            return
        if notice.is_resolved:
            self._put_end(notice, now)
        else:
            self._put_news(notice, now)
        self._bound()

    def _put_news(self, notice: Notice, now: int) -> None:
        concerned = self._concerned.get(notice.id, {})
        for recipient in self.routes.of(notice, now):
            self._add(recipient, notice, now)
            if recipient.told_end:
                concerned[recipient.name] = recipient
        woken = {each.channels for name, each in concerned.items() if each.step and GONE in name}
        for recipient in self.routes.steps(notice):
            if recipient.name not in concerned and recipient.channels not in woken:
                concerned[recipient.name] = recipient
                self._add(recipient, notice, now)
        if concerned and notice.about != TRADES:
            self._concerned[notice.id] = concerned

    def _put_end(self, notice: Notice, now: int) -> None:
        """To whom it would go now, and to who was told, or woken, by what is not there any more."""
        told = set[tuple[str, ...]]()
        for recipient in self.routes.of(notice, now):
            self._add(recipient, notice, now)
            told.add(recipient.channels)
        for name, recipient in self._concerned.pop(notice.id, {}).items():
            is_gone = GONE in name
            if is_gone and recipient.channels in told:
                continue
            if is_gone or recipient.step:
                self._add(replace(recipient, name=name), notice, now)
                told.add(recipient.channels)

    def _add(self, recipient: Recipient, notice: Notice, now: int) -> None:
        letter = Letter(
            id=self._last_id + 1,
            key=f"{notice.id}/{recipient.name}",
            notice=notice,
            channels=recipient.channels,
            step=recipient.step and not notice.is_resolved,
        )
        known = self._letters.get(self._waiting.get(letter.place, 0))
        if known is not None:
            known.key, known.notice = letter.key, notice
            self._changed.add(known.id)
            return
        due = max(recipient.due, self._not_before(letter, now))
        letter.due = due if due > now else 0
        self._last_id = letter.id
        self._letters[letter.id] = letter
        self._waiting[letter.place] = letter.id
        self._changed.add(letter.id)

    def _not_before(self, letter: Letter, now: int) -> int:
        """A condition that ended and comes again at once is told of no sooner than one that lasts."""
        notice = letter.notice
        if letter.step or notice.is_resolved or notice.severity is AlertSeverity.CRITICAL:
            return 0
        alert_id, at = self._told.get(letter.place, (notice.id, 0))
        not_before = at + self._repeat if alert_id != notice.id else 0
        self._told[letter.place] = notice.id, max(now, not_before)
        if len(self._told) > MOST_LETTERS:
            del self._told[next(iter(self._told))]
        return not_before

    def _drop_steps(self, alert_id: str) -> None:
        """Those not taken yet."""
        for letter in [*self._letters.values()]:
            if letter.step and letter.notice.id == alert_id and letter.id not in self._under_way:
                self._remove(letter)
                self._concerned.get(alert_id, {}).pop(letter.recipient, None)

    def _bound(self) -> None:
        """Memory is bounded: the mildest, of those the oldest, is let go."""
        while len(self._letters) > MOST_LETTERS:
            idle = [each for each in self._letters.values() if each.id not in self._under_way]
            if not idle:
                return
            self._remove(min(idle, key=lambda each: (each.notice.severity.rank, each.id)))
            self.dropped += 1
        while len(self._concerned) > MOST_LETTERS:
            del self._concerned[next(iter(self._concerned))]

    # --- out -----------------------------------------------------------------------------------------

    def next(self, now: int, at: float) -> list[Send]:
        """What goes out now; each is to be answered by `delivered` or `failed`."""
        ready = self._ready(now)
        sends = []
        for name, channel in self.channels.items():
            if channel.busy or channel.is_left_alone(at):
                continue
            waiting = [letter for letter in ready if self._way_of(letter, at) == name]
            allowed = [each for each in waiting if channel.allowance(each.notice).wait(at) <= 0]
            if allowed:
                send = Send(name, _together(allowed))
                channel.busy = True
                channel.allowance(send.letters[0].notice).take()
                self._under_way.update(letter.id for letter in send.letters)
                for letter in send.letters:
                    self._waiting.pop(letter.place, None)
                sends.append(send)
        return sends

    def wake_in(self, now: int, at: float) -> float:
        """Seconds until there may be something to send; at most a minute."""
        soonest = 60.0
        for letter in self._letters.values():
            if letter.id in self._under_way:
                continue
            if letter.due > now:
                soonest = min(soonest, (letter.due - now) / 1e9)
                continue
            soonest = min(soonest, self._wait_of(letter, at))
        return max(0.01, soonest)

    def _wait_of(self, letter: Letter, at: float) -> float:
        """Seconds until the channel that has it can take it; one that is busy says when it is free."""
        way = self._way_of(letter, at)
        if way:
            channel = self.channels[way]
            return LONGEST_REST_S if channel.busy else channel.allowance(letter.notice).wait(at)
        channels = (self.channels[name] for name in letter.channels)
        rests = (each.rests_until - at for each in channels if not each.hangs)
        return min(rests, default=LONGEST_REST_S)

    def delivered(self, send: Send) -> bool:
        """Somebody has them. Whether the channel had been in trouble."""
        for letter in send.letters:
            self._under_way.discard(letter.id)
            self._remove(letter)
        channel = self.channels[send.channel]
        was_in_trouble = channel.is_in_trouble
        channel.failures, channel.rests_until, channel.is_in_trouble = 0, 0.0, False
        return was_in_trouble

    def failed(self, send: Send, at: float, rest: float = 0.0, *, hangs: bool = False) -> bool:
        """They wait for another channel, or for this one once it has rested, for `rest` s at least; one
        that `hangs`, once it is `free`. Whether the channel is in trouble as of now."""
        for letter in send.letters:
            self._under_way.discard(letter.id)
            if letter.id in self._letters:
                letter.tries += 1
                if self._waiting.setdefault(letter.place, letter.id) != letter.id:
                    self._remove(letter)  # there is a newer one of the same alert
        channel = self.channels[send.channel]
        channel.failures += 1
        channel.hangs = hangs
        pause = pause_after(channel.failures, FIRST_REST_S, LONGEST_REST_S)
        channel.rests_until = at + max(pause, rest)
        was_in_trouble = channel.is_in_trouble
        channel.is_in_trouble |= hangs or channel.failures >= TROUBLE_AFTER
        return channel.is_in_trouble and not was_in_trouble

    def free(self, name: str) -> None:
        """The channel can take something again."""
        self.channels[name].busy = self.channels[name].hangs = False

    @property
    def is_idle(self) -> bool:
        """Nothing is under way."""
        return not self._under_way

    def has_ready(self, now: int, at: float) -> bool:
        """Something could go out before long, by a channel that works."""
        return any(self._way_of(letter, at) for letter in self._ready(now))

    def _ready(self, now: int) -> list[Letter]:
        """The gravest first; what is too old or needless is let go."""
        ready = []
        for letter in [*self._letters.values()]:
            if letter.id in self._under_way or letter.due > now:
                continue
            is_old = now - letter.notice.updated_at > self._keep and not letter.due
            if is_old or (letter.step and self._is_in_hand(letter.notice.id)):
                self._remove(letter)
                self.dropped += is_old
            else:
                ready.append(letter)
        return sorted(ready, key=lambda each: (-each.notice.severity.rank, each.id))

    def _way_of(self, letter: Letter, at: float) -> str:
        """The first of its channels that is not left alone; empty where all are."""
        for name in letter.channels:
            if not self.channels[name].is_left_alone(at):
                return name
        return ""

    # --- durable -------------------------------------------------------------------------------------

    def changes(self) -> tuple[list[Letter], list[int]]:
        """Letters new or changed, and ids gone, since `saved` was last called."""
        changed = [self._letters[n] for n in sorted(self._changed) if n in self._letters]
        return changed, sorted(self._gone)

    def saved(self) -> None:
        self._changed.clear()
        self._gone.clear()

    def _remove(self, letter: Letter) -> None:
        if self._letters.pop(letter.id, None) is not None:
            if self._waiting.get(letter.place) == letter.id:
                del self._waiting[letter.place]
            self._changed.discard(letter.id)
            self._gone.add(letter.id)


def _together(letters: Sequence[Letter]) -> tuple[Letter, ...]:
    """Of those that wait, gravest first: one, or many at once. What failed before goes alone: it may be
    what the channel does not take."""
    if letters[0].tries or len(letters) <= FEW:
        return (letters[0],)
    return tuple(letter for letter in letters if not letter.tries)[:MOST_AT_ONCE]


__all__ = ["Letter", "Outbox", "Send"]
