"""What an exchange has to tell the core, said in its name.

Reports on orders, holds, and troubles: a trouble is told when it begins and when it is over, and not each
time that it is met.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tradectl.domain.errors import AccessLost
from tradectl.domain.events import (
    Event,
    LimitBreached,
    RestrictionKind,
    SymbolRestricted,
    SystemEvent,
)
from tradectl.domain.text import harmless
from tradectl.exchange.base import AT_ONCE
from tradectl.exchange.live.order_tracker import Reports

Post = Callable[[Event, int], None]

ACCESS_LOST = "access_lost"


class ExecutionReporter:
    """`post` takes inputs for the core; `on_report` hears that there was something to report."""

    def __init__(
        self, name: str, symbols: Sequence[str], post: Post, on_report: Callable[[], None]
    ) -> None:
        self._name = name
        self._symbols = tuple(symbols)
        self._post = post
        self._on_report = on_report
        self._troubles: set[str] = set()

    @property
    def troubles(self) -> list[str]:
        """What does not work at present, by kind."""
        return sorted(self._troubles)

    def report(self, reports: Reports) -> None:
        if reports:
            self._on_report()
        for report in reports:
            self._post(report, AT_ONCE)

    def say(self, kind: str, message: str) -> None:
        event = SystemEvent(
            source_component=self._name,
            kind=kind,
            component=f"exchange:{self._name}",
            message=harmless(f"{self._name}: {message}"),
        )
        self._post(event, AT_ONCE)

    def trouble(self, kind: str, message: str) -> bool:
        """Said once, until it is over; True when it was said."""
        if kind in self._troubles:
            return False
        self._troubles.add(kind)
        self.say(kind, message)
        return True

    def over(self, kind: str) -> bool:
        """Say that a trouble is over, if there was one."""
        was_there = kind in self._troubles
        if was_there:
            self._troubles.discard(kind)
            self.say(f"{kind}_over", "it works again")
        return was_there

    def lose_access(self, error: AccessLost) -> None:
        """Credentials that stopped working: nothing more can be done there, and trading halts."""
        if ACCESS_LOST not in self._troubles:
            self._troubles.add(ACCESS_LOST)
            self.halt("ACCESS_LOST", str(error))

    def halt(self, code: str, message: str) -> None:
        event = LimitBreached(
            source_component=self._name,
            code=code,
            message=harmless(f"{self._name}: {message}"),
            action="halt",
        )
        self._post(event, AT_ONCE)

    def hold_all(self, why: str) -> None:
        """Nothing is traded here before the next comparison has come out clean."""
        for symbol in self._symbols:
            hold = SymbolRestricted(
                source_component=self._name,
                symbol=symbol,
                kind=RestrictionKind.UNRECONCILED,
                message=f"{self._name}: {why}",
            )
            self._post(hold, AT_ONCE)


__all__ = ["ExecutionReporter", "Post"]
