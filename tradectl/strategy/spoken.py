"""What a strategy's callback returned, checked and made an event.

It is a user's code that speaks here: whatever it returns is either a good word or refused by name.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from msgspec.structs import replace

from tradectl.domain.events import (
    Event,
    QuotesWanted,
    SignalAction,
    StrategySignalEvent,
    SystemEvent,
    SystemEventKind,
)
from tradectl.domain.notes import sane_notes
from tradectl.domain.text import LONGEST_LINE, counted, harmless
from tradectl.domain.views import AccountView
from tradectl.strategy import containment
from tradectl.strategy.base import Signal
from tradectl.strategy.instances import SymbolSlot, Word
from tradectl.strategy.quote_words import Quotes, quote_set

MOST_WORDS = 10_000
"""Of one call: a signal and quotes for each of some thousand symbols."""


def said_at_once(answer: object) -> tuple[Any, ...]:
    """What a callback returned, one by one; of a list of its own kind none of its methods are asked.
    Raises ValueError for more words than a run could take at each event."""
    if not isinstance(answer, (list, tuple)):
        return (answer,)
    kind: Any = list if isinstance(answer, list) else tuple
    count = kind.__len__(answer)
    if count > MOST_WORDS:
        raise ValueError(
            f"{counted(count, 'signal')} from one call: expected {MOST_WORDS:,} at most"
        )
    return tuple(kind.__iter__(answer))


def word_of(slot: SymbolSlot, said: object, view: AccountView | None) -> Word:
    """What a callback returned, checked. Raises TypeError or ValueError for what is neither a good signal
    nor good quotes."""
    return (
        _quotes_event(slot, said, view) if isinstance(said, Quotes) else _signal_event(slot, said)
    )


def _quotes_event(slot: SymbolSlot, said: Quotes, view: AccountView | None) -> QuotesWanted:
    symbol = _symbol_of(slot, said.symbol) if said.symbol else slot.trades
    if view is None:
        raise ValueError("quote: there is no account to quote for")
    return QuotesWanted(
        source_component="strategy",
        symbol=symbol,
        strategy=slot.running.config.name,
        quotes=quote_set(said, view.instrument(symbol)),
        reason=_line(said.reason),
        notes={} if slot.strategy._noted is None else _notes(slot.strategy._take_notes()),
    )


def _signal_event(slot: SymbolSlot, signal: object) -> StrategySignalEvent:
    if not isinstance(signal, Signal) or not isinstance(signal.action, SignalAction):
        raise TypeError(f"expected a Signal or None, got {containment.returned(signal)}")
    noted = slot.strategy._noted
    return StrategySignalEvent(
        source_component="strategy",
        symbol=_symbol_of(slot, signal.symbol) if signal.symbol else slot.trades,
        action=signal.action,
        strategy=slot.running.config.name,
        strength=_fraction("strength", signal.strength),
        confidence=_fraction("confidence", signal.confidence),
        reason=_line(signal.reason),
        bracket=signal.bracket,
        notes={} if noted is None else _notes(slot.strategy._take_notes()),
    )


def _symbol_of(slot: SymbolSlot, symbol: object) -> str:
    if isinstance(symbol, str) and slot.running.may_trade(symbol):
        return symbol
    name = slot.running.config.name
    raise ValueError(
        f"{harmless(symbol, 40)!r} is not a symbol of {name}, or there was no data of it yet: "
        "list it under `symbols`"
    )


def _notes(noted: dict[str, object]) -> dict[str, Any]:
    """Texts without what is another one in every process; the event sees to the rest."""
    for value in noted.values():
        if isinstance(value, str):
            return dict(sane_notes(noted, containment.line))
    return noted


def _line(reason: str) -> str:
    if not isinstance(reason, str):
        raise TypeError(f"expected a text as reason, got {containment.returned(reason)}")
    return containment.line(reason)


def _fraction(what: str, value: float) -> float:
    value = float(value)
    if not (isfinite(value) and 0.0 <= value <= 1.0):
        raise ValueError(f"{what} must be between 0 and 1, got {value}")
    return value


def ends(word: Word) -> bool:
    """Nothing is wanted any more."""
    return not word.quotes if isinstance(word, QuotesWanted) else word.action is SignalAction.CLOSE


def netted(events: list[Event]) -> list[Event]:
    """With a word on every signal that another one for its symbol follows: they are netted."""
    later: set[str] = set()
    for n in range(len(events) - 1, -1, -1):
        event = events[n]
        if isinstance(event, StrategySignalEvent):
            if event.symbol in later:
                events[n] = replace(event, followed=True)
            later.add(event.symbol)
    return events


def system_event(kind: SystemEventKind, component: str, message: str) -> SystemEvent:
    return SystemEvent(
        source_component="strategy",
        kind=kind,
        component=component,
        message=harmless(message, LONGEST_LINE),
    )


__all__ = ["ends", "netted", "said_at_once", "system_event", "word_of"]
