"""What a live exchange reports to the core, in its name.

Reports on orders, symbol restrictions, and problems: a problem is reported when it begins and when it is
over, and not each time that it is met.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tradectl.domain.errors import AccessLost
from tradectl.domain.event import ENDS
from tradectl.domain.events import (
    Event,
    LimitBreached,
    RestrictionKind,
    RiskAction,
    SymbolRestricted,
    SystemEvent,
    SystemEventKind,
)
from tradectl.domain.text import harmless
from tradectl.exchange.base import AT_ONCE
from tradectl.exchange.live.order_tracker import Reports

Post = Callable[[Event, int], None]

ENDED_BY = {begun: end for end, begun in ENDS.items()}


class ExecutionReporter:
    """`post` takes inputs for the core; `on_report` hears that there was something to report,
    `access_refused` of each answer that refused our credentials."""

    def __init__(
        self,
        name: str,
        symbols: Sequence[str],
        post: Post,
        on_report: Callable[[], None],
        access_refused: Callable[[AccessLost], None],
    ) -> None:
        self.access_refused = access_refused
        self._name = name
        self._symbols = tuple(symbols)
        self._post = post
        self._on_report = on_report
        self._problems: set[str] = set()
        self.clock_offset: int | None = None
        """how far (ns) the exchange's clock was ahead of this machine's, when it was asked last"""

    @property
    def problems(self) -> list[str]:
        """What does not work at present, by kind."""
        return sorted(self._problems)

    def report(self, reports: Reports) -> None:
        if reports:
            self._on_report()
        for report in reports:
            self._post(report, AT_ONCE)

    def post_system_event(self, kind: SystemEventKind, message: str) -> None:
        event = SystemEvent(
            source_component=self._name,
            kind=kind,
            component=f"exchange:{self._name}",
            message=harmless(f"{self._name}: {message}"),
        )
        self._post(event, AT_ONCE)

    def problem(self, kind: SystemEventKind, message: str) -> bool:
        """Reported once, until it is over; True when it was reported."""
        if kind in self._problems:
            return False
        self._problems.add(kind)
        self.post_system_event(kind, message)
        return True

    def problem_over(self, kind: SystemEventKind) -> bool:
        """Report that a problem is over; False where there was none."""
        was_there = kind in self._problems
        if was_there:
            self._problems.discard(kind)
            self.post_system_event(ENDED_BY[kind], "it works again")
        return was_there

    def halt(self, code: str, message: str) -> None:
        event = LimitBreached(
            source_component=self._name,
            code=code,
            message=harmless(f"{self._name}: {message}"),
            action=RiskAction.HALT,
        )
        self._post(event, AT_ONCE)

    def restrict_all(self, reason: str) -> None:
        """Nothing is traded here before the next comparison has come out clean."""
        self._restrict(RestrictionKind.UNRECONCILED, reason)

    def hold_entries(self, reason: str) -> None:
        """Nothing is entered here until `release_entries`; all else goes on."""
        self._restrict(RestrictionKind.AWAY, reason)

    def release_entries(self) -> None:
        self._restrict(RestrictionKind.AWAY, "it works again", restricted=False)

    def _restrict(self, kind: RestrictionKind, reason: str, *, restricted: bool = True) -> None:
        for symbol in self._symbols:
            restriction = SymbolRestricted(
                source_component=self._name,
                symbol=symbol,
                kind=kind,
                restricted=restricted,
                message=f"{self._name}: {reason}",
            )
            self._post(restriction, AT_ONCE)


__all__ = ["ExecutionReporter", "Post"]
