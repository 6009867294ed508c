"""The circuit breaker of a component: one that fails some times in a row is left alone for a while.

    closed --(failures in a row)--> open --(pause)--> half open --(it works)--> closed
                                      ^------ it fails ------'  (twice the pause)

Only what watches and tells is left alone: checkers, the heartbeat's address, the time server. Risk,
execution, portfolio and protection never are: an order that nobody judges, or a position that nobody
protects, is worse than a component that fails again. An exchange has a breaker of its own, which holds
back entries and nothing else. Each step is in the journal; people were told of the first failure by who
owns the component, and are of its end.
"""

from __future__ import annotations

from collections.abc import Callable

from tradectl.domain.events import SystemEvent, SystemEventKind
from tradectl.domain.resilience import CLOSED, HALF_OPEN, OPEN, CircuitBreaker
from tradectl.domain.text import counted, harmless

FAILURES = 3
FIRST_PAUSE_S, LONGEST_PAUSE_S = 15.0, 300.0
PROTECTING = frozenset({"risk", "execution", "portfolio", "strategy", "halt-latch", "state", "bus"})
"""Whatever their checks say, they are never left alone."""


class ComponentBreaker:
    """Of the component `name`; `post` takes its steps, of which the list of components hears, too.
    `monotonic`, and the pauses, are in seconds. With `alerts` people are told that it is left alone, and
    when it works again: of a component that tells them of nothing itself."""

    def __init__(
        self,
        name: str,
        post: Callable[[SystemEvent], object],
        monotonic: Callable[[], float],
        *,
        first_pause: float = FIRST_PAUSE_S,
        longest_pause: float = LONGEST_PAUSE_S,
        alerts: bool = False,
    ) -> None:
        self._name = name
        self._post = post
        self._breaker = CircuitBreaker(FAILURES, first_pause, longest_pause, clock=monotonic)
        self._opened = (
            SystemEventKind.BREAKER_OPENED if alerts else SystemEventKind.COMPONENT_LEFT_ALONE
        )
        self._probes = 0
        self.why = ""
        """what it failed with last"""

    @property
    def retry_in(self) -> float:
        """Seconds until it may be tried again."""
        return self._breaker.retry_in()

    def allows(self) -> bool:
        """It may be tried now. After a pause that is a probe, and is told."""
        state = self._breaker.state
        if state == HALF_OPEN:
            self._probes += 1
            self._step(SystemEventKind.BREAKER_HALF_OPEN, f"tried again, probe {self._probes}")
        return state != OPEN

    def heard(self, why: str) -> None:
        """It was tried; `why` it failed, empty where it works."""
        if why:
            self._failed(why)
        elif self._breaker.failures:
            was = self._breaker.state
            self._breaker.succeeded()
            if was != CLOSED:
                self._probes = 0
                self._step(SystemEventKind.BREAKER_CLOSED, "it works again")

    def _failed(self, why: str) -> None:
        self.why = harmless(why, 200)
        is_open = self._breaker.state != CLOSED
        if self._breaker.failed():
            kind = self._opened
            said = f"{counted(self._breaker.failures, 'failure')} in a row, the last: {self.why}"
        elif is_open:
            kind, said = SystemEventKind.BREAKER_STAYED_OPEN, f"probe {self._probes}: {self.why}"
        else:
            return
        self._step(kind, f"{said}; it is tried again in {self.retry_in:.0f} s")

    def _step(self, kind: SystemEventKind, message: str) -> None:
        self._post(
            SystemEvent(
                source_component="monitor", kind=kind, component=self._name, message=message
            )
        )


__all__ = ["PROTECTING", "ComponentBreaker"]
