"""The circuit breaker of an exchange: one that does not answer gets no entries until it does again.

    closed --(requests in a row without an answer)--> open --(cooldown)--> half open --answer--> closed
                                                       ^---------- no answer ---'  (cooldown doubles)

Questions and orders are counted by themselves: one that tells all that it is asked and takes no order any
more is away, too. It holds entries back and nothing else: exits, cancels, protective stops and an
emergency stop go out whatever it says, and what becomes of an order is asked for at its own pace. Half
open, one question that changes nothing goes to the exchange: what it holds of the account. Each step is
in the journal.
"""

from __future__ import annotations

from collections.abc import Callable

from tradectl.documents.run import BreakerFigures
from tradectl.domain.errors import AccessLost, ExchangeError, NotExecuted, OutcomeUnknown
from tradectl.domain.events import SystemEventKind
from tradectl.domain.resilience import CLOSED, CircuitBreaker
from tradectl.domain.text import counted, harmless
from tradectl.exchange.live.surroundings import Surroundings

FORGIVEN_AFTER = 2.0
"""So many times its longest cooldown after it closed, a breaker that opens begins with its shortest."""


class ExchangeBreaker:
    """`closed` is called when the exchange answers again."""

    def __init__(self, at: Surroundings, closed: Callable[[], None]) -> None:
        self._at = at
        self._closed = closed
        settings = at.settings
        self._in_a_row = {False: 0, True: 0}
        self._breaker = CircuitBreaker(
            1,
            settings.breaker_seconds,
            max(settings.breaker_longest_seconds, settings.breaker_seconds),
            forgiven_after=FORGIVEN_AFTER * settings.breaker_longest_seconds,
            clock=at.monotonic,
        )
        self._opened = self._probes = 0

    def begin(self) -> None:
        """From here on it hears of each request."""
        if self._at.settings.breaker_failures:
            self._at.venue.calls.heard = self._heard

    def figures(self) -> BreakerFigures:
        """As `status --json` has it."""
        return BreakerFigures(
            state=self._breaker.state,
            failures=max(self._in_a_row.values()),
            opened=self._opened,
            probes=self._probes,
            retry_in_s=round(self._breaker.retry_in(), 3),
        )

    def _heard(self, why: str, write: bool) -> None:
        """Once it is open, only its own question closes it."""
        if self._breaker.state != CLOSED:
            return
        self._in_a_row[write] = count = self._in_a_row[write] + 1 if why else 0
        if count < self._at.settings.breaker_failures:
            return
        self._breaker.failed()
        self._opened += 1
        what = counted(count, "order" if write else "question")
        said = f"{what} in a row without an answer, the last: {why}; {self._what_now()}"
        self._at.reporter.problem(SystemEventKind.BREAKER_OPENED, said)
        self._at.reporter.hold_entries("it does not answer")
        self._at.tasks.start_beside(self._recover())

    def _what_now(self) -> str:
        return f"entries wait; it is asked again in {self._breaker.retry_in():.0f} s"

    async def _recover(self) -> None:
        reporter = self._at.reporter
        while True:
            await self._at.sleep(self._breaker.retry_in())
            self._probes += 1
            reporter.post_system_event(
                SystemEventKind.BREAKER_HALF_OPEN, f"asked whether it answers, probe {self._probes}"
            )
            why = await self._probe()
            if not why:
                break
            self._breaker.failed()
            reporter.post_system_event(
                SystemEventKind.BREAKER_STAYED_OPEN,
                f"probe {self._probes}: {why}; {self._what_now()}",
            )
        self._breaker.succeeded()
        self._in_a_row = {False: 0, True: 0}
        reporter.problem_over(SystemEventKind.BREAKER_OPENED)
        reporter.release_entries()
        self._closed()

    async def _probe(self) -> str:
        """Why there was no answer; empty where there was one."""
        try:
            await self._at.venue.holdings()
        except AccessLost as error:
            self._at.reporter.access_refused(error)
        except (NotExecuted, OutcomeUnknown) as error:
            return harmless(error, 200)
        except ExchangeError:
            pass  # a refusal is an answer
        return ""


__all__ = ["ExchangeBreaker"]
