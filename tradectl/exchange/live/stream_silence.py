"""A stream of the account that is open and says nothing.

It answers pings, and it may well be that there is nothing to say. So it is judged by what it owes us:
when the exchange has answered that an order of ours was taken or cancelled, or a comparison brought a new
fill, the stream must say something within a few seconds. Where it does not it is as good as lost: it is
left, and another one asked for. What happened before it began is not its affair: the first comparison
after that proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from tradectl.bus.clock import Sleep
from tradectl.domain.errors import NotExecuted
from tradectl.domain.events import Event, OrderFilled
from tradectl.exchange.live.execution_reporter import Post

LOOK_EVERY_S = 0.5


class StreamSilence:
    """`limit` is how long (s) it may owe us something, 0 for ever; `tells_orders` says whether it tells
    of every step of an order; `monotonic` gives seconds."""

    def __init__(
        self,
        limit: float,
        *,
        tells_orders: Callable[[], bool],
        monotonic: Callable[[], float],
        sleep: Sleep,
    ) -> None:
        self._limit = limit
        self._tells_orders = tells_orders
        self._monotonic = monotonic
        self._sleep = sleep
        self._heard_at = monotonic()
        self._owes_since: list[float] = []
        self._was_compared = False

    def heard(self) -> None:
        self._heard_at = self._monotonic()
        self._owes_since.clear()

    def answered(self, since: float) -> None:
        """What was sent at `since` (monotonic s) has changed an order."""
        if self._tells_orders() and self._heard_at < since:
            self._owes()

    def compared(self) -> None:
        """A comparison came to its end."""
        self._was_compared = True

    def noticing(self, post: Post) -> Post:
        """`post`, for what a comparison brings."""

        def post_and_notice(event: Event, at: int) -> None:
            if self._was_compared and isinstance(event, OrderFilled):
                self._owes()
            post(event, at)

        return post_and_notice

    def _owes(self) -> None:
        if not self._owes_since:
            self._owes_since.append(self._monotonic())

    async def watch(self) -> None:
        """Until it is silent (NotExecuted)."""
        self._owes_since.clear()
        self._was_compared = False
        while True:
            await self._sleep(LOOK_EVERY_S)
            silent = self._monotonic() - min(self._owes_since, default=self._monotonic())
            if self._limit and silent > self._limit:
                news = f"nothing came for {silent:.0f} s, and there was news"
                raise NotExecuted(f"the account's stream: {news}")


__all__ = ["StreamSilence"]
