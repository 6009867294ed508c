"""What a step of a decision comes to, in a few words for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradectl.domain.event import wire_name
from tradectl.domain.events import (
    BarEvent,
    BracketTriggered,
    Event,
    MarketDataEvent,
    StrategySignalEvent,
    TrailMoved,
)
from tradectl.domain.money import ZERO, plain
from tradectl.domain.shares import StrategyTarget
from tradectl.domain.text import harmless
from tradectl.domain.time import MILLISECOND
from tradectl.strategy.bars import spell_timeframe

MOST_WANTED = 8
"""Strategies that are named."""


def market_words(event: MarketDataEvent, at: int) -> str:
    """`price 60000, volume 0.5, bid 59999, ask 60001`, and how old it was as it came, at `at` (ns)."""
    old = late_words(event.ts, at, "made")
    if isinstance(event, BarEvent):
        return bar_words(event) + old
    words = [f"price {plain(event.price)}"]
    if event.volume:
        words.append(f"volume {plain(event.volume)}")
    if event.bid is not None and event.ask is not None:
        words.append(f"bid {plain(event.bid)}, ask {plain(event.ask)}")
    return ", ".join(words) + old


def late_words(then: int, at: int, what: str) -> str:
    """`, made 12 ms before it came`; nothing where it came at once."""
    late = (at - then) // MILLISECOND if then else 0
    return f", {what} {late:,} ms before it came" if late > 0 else ""


def bar_words(bar: BarEvent) -> str:
    return (
        f"bar of {spell_timeframe(bar.interval)}: open {plain(bar.open)}, high {plain(bar.high)}, "
        f"low {plain(bar.low)}, close {plain(bar.price)}"
    )


def signal_words(signal: StrategySignalEvent) -> str:
    """Who wants what, and why."""
    why = f": {signal.reason}" if signal.reason else ""
    strength = f", strength {signal.strength:g}" if signal.strength != 1 else ""
    return harmless(f"{signal.strategy} says {signal.action}{strength}{why}")


def wanted_words(targets: Mapping[str, StrategyTarget]) -> str:
    """`a wants 0.5, b wants -0.2: 0.3 together`."""
    each = [f"{name} wants {quantity_words(target)}" for name, target in targets.items()]
    more = f" and {len(each) - MOST_WANTED} more" if len(each) > MOST_WANTED else ""
    together = sum((target.quantity or ZERO for target in targets.values()), ZERO)
    return harmless(f"{', '.join(each[:MOST_WANTED])}{more}: {plain(together)} together")


def quantity_words(target: StrategyTarget) -> str:
    if target.quantity is None:
        return f"a share of {plain(target.size)}, not sized yet"
    return plain(target.quantity) + (" (stopped out)" if target.stopped else "")


def cause_words(event: Event) -> str:
    """Of what is neither market data nor a signal: its kind, and what it says itself."""
    if isinstance(event, BracketTriggered):
        return harmless(f"{event.leg.words} of {event.strategy}: {plain(event.price)} was touched")
    if isinstance(event, TrailMoved):
        return harmless(f"trailing stop of {event.strategy}: to {plain(event.price)}")
    said: Any = next(
        (text for name in ("message", "reason", "name") if (text := getattr(event, name, ""))), ""
    )
    kind = wire_name(type(event).__name__).replace("_", " ")
    order_id = getattr(event, "order_id", "")
    about = f" ({order_id})" if order_id else ""
    return harmless(f"{kind}: {said}{about}" if said else kind + about)


__all__ = [
    "bar_words",
    "cause_words",
    "late_words",
    "market_words",
    "quantity_words",
    "signal_words",
    "wanted_words",
]
