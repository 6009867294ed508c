"""What every event is: of a family, of a priority, with a name on the wire; and the words that its
fields may say.

On the wire an event is a JSON object whose `type` is the name of its class in snake_case
(`order_filled`; a trailing Event is left out), and a word is its text.
"""

from __future__ import annotations

import re
from enum import IntEnum, StrEnum
from typing import ClassVar

from msgspec import Struct


class EventType(StrEnum):
    """The seven families; `bus.subscribe` takes one of them."""

    MARKET_DATA = "market_data"
    STRATEGY_SIGNAL = "strategy_signal"
    PORTFOLIO = "portfolio"
    ORDER = "order"
    EXECUTION = "execution"
    RISK = "risk"
    SYSTEM = "system"


class EventPriority(IntEnum):
    """Which waiting input goes first; within one class the oldest does."""

    EMERGENCY = 0
    COMMAND = 1
    EXECUTION = 2
    RISK = 3
    TIMER = 4
    MARKET_DATA = 5


def wire_name(class_name: str) -> str:
    """`order_filled` for OrderFilled, `market_data` for MarketDataEvent."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", class_name.removesuffix("Event")).lower()


class Event(
    Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True, tag_field="type", tag=wire_name
):
    """Base of all events. `source_component` names who said it."""

    event_type: ClassVar[EventType]
    priority: ClassVar[EventPriority] = EventPriority.TIMER

    source_component: str = ""


class SignalAction(StrEnum):
    BUY = "buy"
    """be long"""
    SELL = "sell"
    """be short, or out where one cannot be short"""
    CLOSE = "close"
    """be out"""


class RiskAction(StrEnum):
    """What is done about a limit that was reached, mildest first."""

    ALERT = "alert"
    """said, and nothing else"""
    PAUSE = "pause"
    """no new entries"""
    HALT = "halt"
    """nothing more leaves, and what works is cancelled"""


class RestrictionKind(StrEnum):
    """Why trading in a symbol is restricted."""

    UNRECONCILED = "unreconciled"
    """its exchange has not yet been compared with our books"""
    MISMATCH = "mismatch"
    """the exchange holds another position than our books"""
    BALANCE = "balance"
    """the exchange holds less or more money than our books"""
    STALE = "stale"
    """its market data is old"""
    BROKEN_BOOK = "broken_book"
    """its order book lost a step, or is crossed"""

    @property
    def blocks_exits(self) -> bool:
        """Even an exit would be of a size that nobody knows."""
        return self in (RestrictionKind.UNRECONCILED, RestrictionKind.MISMATCH)


class Liquidity(StrEnum):
    MAKER = "maker"
    TAKER = "taker"


class Command(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    EMERGENCY_STOP = "emergency_stop"
    CANCEL_ALL = "cancel_all"
    QUARANTINE = "quarantine"
