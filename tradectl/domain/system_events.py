"""What an operator, a clock and the machine say: commands, timers, and what becomes of the system."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, ClassVar

from msgspec import Struct, field

from tradectl.domain.event import Command, Event, EventPriority, EventType
from tradectl.domain.market_events import (
    BarEvent,
    BarOpened,
    BookEvent,
    MarketDataEvent,
    QuoteEvent,
)
from tradectl.domain.money import Side
from tradectl.domain.plans import ExecutionPlan
from tradectl.domain.states import TradingState
from tradectl.domain.text import counted

MOST_TOLD = 4
"""So many changed keys of one list of tables are told one by one."""


class SystemEvent(Event, frozen=True, gc=False, kw_only=True):
    """Something about the machine rather than the market: a `kind` in snake_case, and a message.

    All that tradectl says itself is of a SystemEventKind. A user's own code may say what it likes: a
    kind that is not among them is shown, journalled and replayed like any other, and alerts nobody.
    """

    event_type: ClassVar[EventType] = EventType.SYSTEM

    kind: str
    message: str = ""
    component: str = ""


class CommandReceived(Event, frozen=True, gc=False, kw_only=True):
    """An operator's word, or the supervisor's. `target` names a strategy, an order or a symbol where that
    is asked for."""

    event_type: ClassVar[EventType] = EventType.SYSTEM
    priority: ClassVar[EventPriority] = EventPriority.COMMAND

    command: Command
    reason: str = ""
    flatten: bool = False
    drop_protection: bool = False
    target: str = ""


class EmergencyStopReceived(CommandReceived, frozen=True, gc=False, kw_only=True):
    """The command that goes before everything else."""

    priority: ClassVar[EventPriority] = EventPriority.EMERGENCY

    command: Command = Command.EMERGENCY_STOP


class OrderCommandReceived(CommandReceived, frozen=True, gc=False, kw_only=True):
    """An operator asks for an order: at market without a `price`, and with a `plan` by child orders."""

    command: Command = Command.ORDER
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal | None = None
    plan: ExecutionPlan | None = None


Market = MarketDataEvent | QuoteEvent | BookEvent | BarEvent | BarOpened


class SettingChange(Struct, frozen=True, omit_defaults=True):
    """A key of the settings, what it was and what it is, as plain data (None: off, or a parameter's
    default); and whether that lets more pass than before."""

    key: str
    old: Any = None
    new: Any = None
    loosens: bool = False

    def said(self) -> str:
        """Such as `risk.max_leverage from 2 to none (looser)`; of as many tables as before what differs
        in them, else how many there are."""
        nothing = "default" if ".parameters." in self.key else "none"
        changed = [
            f"{key} from {_said(old, nothing)} to {_said(new, nothing)}"
            for key, old, new in _key_by_key(self.key, self.old, self.new)
        ]
        more = f" and {len(changed) - MOST_TOLD} more" if len(changed) > MOST_TOLD else ""
        return f"{', '.join(changed[:MOST_TOLD])}{more}{' (looser)' if self.loosens else ''}"


def changed_tables(key: str, old: Any, new: Any) -> list[tuple[str, Any, Any]]:
    """What differs of a setting, as (key, old, new): of as many tables as before each that does, as a
    table of what differs in it, else the whole."""
    if not (_are_tables(old) and _are_tables(new) and len(old) == len(new)):
        return [(key, old, new)]
    return [
        (f"{key}[{at}]", _without_same(was, now), _without_same(now, was))
        for at, (was, now) in enumerate(zip(old, new, strict=True))
        if was != now
    ]


def _without_same(table: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {n: value for n, value in table.items() if n not in other or other[n] != value}


def _key_by_key(key: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    for name, was, now in changed_tables(key, old, new):
        if not isinstance(was, dict):
            yield name, was, now
            continue
        for each in dict.fromkeys((*was, *now)):
            yield f"{name}.{each}", was.get(each), now.get(each)


def _are_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(each, dict) for each in value)


def _said(value: Any, nothing: str) -> str:
    if _are_tables(value):
        return counted(len(value), "table")
    if isinstance(value, list | tuple) and value:
        return f"[{', '.join(map(str, value))}]"
    return nothing if value is None or value in ([], ()) else str(value)


class SettingsChanged(CommandReceived, frozen=True, gc=False, kw_only=True):
    """Settings are others from here on. `limits` are all of risk's, as plain data, where one of them is
    among the changes. A strategy of which a parameter is knows the market by the events that its
    successor was `shown` before (how many, by its name), and gets to know the rest by `history`, oldest
    first: it says nothing about that."""

    command: Command = Command.CONFIGURE
    changes: tuple[SettingChange, ...]
    limits: dict[str, Any] | None = None
    history: dict[str, tuple[Market, ...]] = field(default_factory=dict)
    shown: dict[str, int] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """Key -> what it is now."""
        return {change.key: change.new for change in self.changes}


class SuccessorShown(Event, frozen=True, gc=False, kw_only=True):
    """An instance of a strategy by other `parameters`, which is made with the first of these (`begins`),
    gets to know the market by some more `events`, oldest first, while the one that trades goes on. It
    takes its place with a `SettingsChanged`, or is gone where that was not to be (`over`)."""

    event_type: ClassVar[EventType] = EventType.SYSTEM
    priority: ClassVar[EventPriority] = EventPriority.COMMAND

    strategy: str
    parameters: dict[str, bool | int | float | str] = field(default_factory=dict)
    events: tuple[Market, ...] = ()
    begins: bool = False
    over: bool = False


class TradingConcluded(Event, frozen=True, gc=False, kw_only=True):
    """A halt has nothing left to do: no order is on its way, and the account is flat, or where it is
    HALTED, its stops fit its positions. The run ends; recorded data is not read beyond it."""

    event_type: ClassVar[EventType] = EventType.SYSTEM

    state: TradingState
    reason: str


class TimerFired(Event, frozen=True, gc=False, kw_only=True):
    """A scheduled moment arrived: time moves the core only through these and market data."""

    event_type: ClassVar[EventType] = EventType.SYSTEM

    name: str


class WarmUpReceived(Event, frozen=True, gc=False, kw_only=True):
    """Market data that the run `run_id` recorded before this one, oldest first: strategies get to know it
    and say nothing about it. It moves neither prices nor books. Without a run it is what the recorded
    data has before the part that is played, which goes on from there."""

    event_type: ClassVar[EventType] = EventType.SYSTEM

    run_id: str
    events: tuple[Market, ...]
