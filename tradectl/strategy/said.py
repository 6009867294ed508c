"""What strategies said, until the bus takes it: no faster than each may speak, and nothing twice.

Of a burst of words the last one waits until it may be said: it may be the exit. With a tick only those
are looked at whose time has come. Quotes that stand as they are wanted are not said again, and a signal
withdraws what its strategy quotes.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from tradectl.domain.events import Event, QuotesWanted, SystemEventKind
from tradectl.domain.quotes import NO_QUOTES
from tradectl.domain.views import AccountView
from tradectl.strategy.instances import SymbolSlot, Word
from tradectl.strategy.spoken import ends, netted, system_event

NEVER = 1 << 63


class Said:
    """Of strategies that may emit `max_signals` a second for a symbol each; what they quote is in the
    `view` of the account. `events` are those that nobody has taken yet, and from `next_due` (ns) on a
    word that waits may be said. While it is `silent` nobody hears them: the last word of each is in
    `unheard` then."""

    def __init__(self, view: AccountView | None, max_signals: int) -> None:
        self._view = view
        self._max_signals = max_signals
        self.events: list[Event] = []
        self.next_due = NEVER
        self._deferred: dict[tuple[str, str], tuple[int, SymbolSlot]] = {}
        """by strategy and symbol, whose burst began first before all"""
        self._by_due: list[tuple[int, int, tuple[str, str]]] = []
        """a heap of them; what is said at once meanwhile puts one off further"""
        self._bursts = 0
        self.silent = False
        self.unheard: dict[tuple[str, str], Word] = {}
        self._quoting: set[tuple[str, str]] = set()
        """by strategy and symbol, who has quoted in this run: a word of a run before places nothing"""

    def taken(self) -> list[Event]:
        """What has been said by now, once."""
        events, self.events = self.events, []
        return events if len(events) < 2 else netted(events)

    def tell(self, kind: SystemEventKind, component: str, message: str) -> None:
        """What there is to be known of a strategy."""
        self.events.append(system_event(kind, component, message))

    def put(self, slot: SymbolSlot, word: Word, at: int) -> None:
        """A word at `at` (ns), of the strategy that has the slot."""
        is_quotes = isinstance(word, QuotesWanted)
        if self.silent:
            self.unheard[word.strategy, word.symbol] = word
            return
        if slot.is_held_back and not ends(word):
            return
        if self._view is not None and self._view.quoted():
            known = self._view.quotes(word.symbol).get(word.strategy, NO_QUOTES)
            is_so = isinstance(word, QuotesWanted) and word.quotes == known
            if is_so and (not known or (word.strategy, word.symbol) in self._quoting):
                slot.deferred.pop(QuotesWanted, None)
                return
            if known and not is_quotes:
                slot.deferred.pop(QuotesWanted, None)
                self.events.append(withdrawal(word.symbol, word.strategy, "by a signal"))
        if slot.below_limit(at) or (is_quotes and ends(word)):
            slot.deferred.pop(type(word), None)
            if is_quotes:
                self._quoting.add((word.strategy, word.symbol))
            slot.count(word, at)
            self.events.append(word)
            return
        self._defer((slot.running.config.name, slot.symbol), slot)
        if slot.defer(word, at):
            message = (
                f"{slot.symbol}: over {self._max_signals} signals in a second; the last one waits"
            )
            self.tell(SystemEventKind.STRATEGY_THROTTLED, slot.running.component, message)

    def is_deferred(self, strategy: str, symbol: str) -> bool:
        """A word of it waits."""
        known = self._deferred.get((strategy, symbol))
        return known is not None and bool(known[1].deferred)

    def _defer(self, key: tuple[str, str], slot: SymbolSlot) -> None:
        known = self._deferred.get(key)
        if known is None or known[1] is not slot:
            self._bursts += 1
            self._deferred[key] = self._bursts, slot
            heappush(self._by_due, (slot.may_speak_at, self._bursts, key))
            self.next_due = self._by_due[0][0]

    def look_again(self) -> None:
        """Another limit is in force: what waits may be due at another time."""
        waiting = self._deferred.items()
        self._by_due = [(slot.may_speak_at, number, key) for key, (number, slot) in waiting]
        heapify(self._by_due)
        self.next_due = self._by_due[0][0] if self._by_due else NEVER

    def put_deferred(self, at: int) -> None:
        """The last word of each burst, where it may be said by now; whose began first before all."""
        due: list[tuple[int, SymbolSlot]] = []
        while self._by_due and self._by_due[0][0] <= at:
            _, number, key = heappop(self._by_due)
            known = self._deferred.get(key)
            if known is None or known[0] != number:
                continue  # another instance has its place
            slot = known[1]
            if slot.deferred and not slot.below_limit(at):
                heappush(self._by_due, (slot.may_speak_at, number, key))
            else:
                del self._deferred[key]
                due.append((number, slot))
        for _, slot in sorted(due, key=lambda each: each[0]):
            words = list(slot.deferred.values())
            slot.deferred.clear()
            for word in words:
                slot.count(word, at)
                self.events.append(word)
        self.next_due = self._by_due[0][0] if self._by_due else NEVER


def withdrawal(symbol: str, strategy: str, reason: str) -> QuotesWanted:
    """Nothing of the strategy's rests there any more."""
    return QuotesWanted(
        source_component="strategy", symbol=symbol, strategy=strategy, reason=reason
    )


__all__ = ["Said", "withdrawal"]
