"""Whether the exchange still takes our credentials.

A key that is good is refused now and then: for a moment, or while this machine's address changes. So one
refusal is a doubt: nothing is traded before the next comparison has come out clean, and the exchange is
asked again, by a signed question that changes nothing. Only when so many answers over so many seconds
were all refusals is access lost, and trading halts, with every protective stop left where it rests. No
answer says nothing either way; where a comparison was answered in between, refusals are counted anew.
"""

from __future__ import annotations

from collections.abc import Callable

from tradectl.bus.clock import Sleep
from tradectl.domain.errors import AccessLost, ExchangeError
from tradectl.domain.events import SystemEventKind
from tradectl.domain.resilience import FIRST_PAUSE_S
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.live.execution_reporter import ExecutionReporter
from tradectl.exchange.tasks import Work
from tradectl.exchange.venue import Venue

ACCESS_LOST = "ACCESS_LOST"
MAY_NOT_TRADE = "the API key may not trade"


class AccessMonitor:
    """`works_again` is called when a doubt is over; `start` takes what goes on beside; `monotonic` gives
    seconds."""

    def __init__(
        self,
        venue: Venue,
        reporter: ExecutionReporter,
        settings: ExchangeSettings,
        *,
        works_again: Callable[[], None],
        start: Callable[[Work], None],
        monotonic: Callable[[], float],
        sleep: Sleep,
    ) -> None:
        self._venue = venue
        self._reporter = reporter
        self._answers, self._seconds = settings.access_lost_answers, settings.access_lost_seconds
        self._works_again = works_again
        self._start = start
        self._monotonic, self._sleep = monotonic, sleep
        self._in_doubt = self._was_answered = False

    def answered(self) -> None:
        """The exchange told all that it was asked for by our credentials."""
        self._was_answered = True

    def refused(self, error: AccessLost) -> None:
        """The exchange refused us. Does nothing while that is being looked into already."""
        if self._in_doubt:
            return
        self._in_doubt, self._was_answered = True, False
        self._reporter.problem(SystemEventKind.ACCESS_REFUSED, str(error))
        self._reporter.restrict_all("access was refused: it is asked again")
        self._start(self._find_out(str(error)))

    async def _find_out(self, why: str) -> None:
        began, refusals, lasting = self._monotonic(), 1, 0.0
        pause = max(self._seconds / max(self._answers - 1, 1), FIRST_PAUSE_S)
        while refusals < self._answers or lasting < self._seconds:
            await self._sleep(pause)
            try:
                await self._ask()
            except AccessLost as error:
                why = str(error)
                if self._was_answered and why != MAY_NOT_TRADE:  # who may not may still read
                    began, refusals = self._monotonic(), 0
                refusals, self._was_answered = refusals + 1, False
                lasting = round(self._monotonic() - began, 3)
            except ExchangeError:
                continue
            else:
                self._in_doubt = False
                self._reporter.problem_over(SystemEventKind.ACCESS_REFUSED)
                self._works_again()
                return
        self._reporter.halt(ACCESS_LOST, f"refused {refusals} times in {lasting:.0f} s: {why}")

    async def _ask(self) -> None:
        """Raises AccessLost for a key that is refused, or may not trade any more."""
        await self._venue.holdings()
        if (await self._venue.permissions()).trade is False:
            raise AccessLost(MAY_NOT_TRADE)


__all__ = ["AccessMonitor"]
