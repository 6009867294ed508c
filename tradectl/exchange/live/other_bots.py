"""Another tradectl on the same exchange account, found by the tags of its orders.

Each knows its own orders and fills, and takes the other's for external; but they share coins, margin and
the rate limit, and on a perpetual one position. So it is said, once for each tag in a run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

from tradectl.domain.errors import ExchangeError
from tradectl.domain.events import SystemEventKind
from tradectl.domain.orders import tag_of
from tradectl.exchange.live.execution_reporter import ExecutionReporter
from tradectl.exchange.venue import Venue, VenueFill

LOOKED_UP = 5
"""Orders of recent fills that are asked for, newest first: a fill does not always name its order's id."""


class OtherBots:
    """`is_tagged` says whether a client order id is of our own account."""

    def __init__(
        self, venue: Venue, reporter: ExecutionReporter, is_tagged: Callable[[str], bool]
    ) -> None:
        self.tags: set[str] = set()
        self._venue = venue
        self._reporter = reporter
        self._is_tagged = is_tagged
        self.has_looked = False

    def heard(self, client_ids: Iterable[str]) -> None:
        """Of orders that are not ours."""
        for client_id in client_ids:
            tag = tag_of(client_id)
            if tag and tag not in self.tags and not self._is_tagged(client_id):
                self.tags.add(tag)
                self._reporter.post_system_event(
                    SystemEventKind.OTHER_TRADECTL,
                    f"another tradectl ({tag}) trades on this account, or did before: a second bot "
                    "shares our coins and margin, so give it an account of its own; of an account of "
                    "ours from before, cancel what is left",
                )

    async def look_back(self, fills: Iterable[VenueFill]) -> None:
        """Whose were the newest fills that are not ours? Asked once in a run."""
        self.has_looked = True
        self.heard(await senders_of(self._venue, fills))


async def senders_of(venue: Venue, fills: Iterable[VenueFill]) -> list[str]:
    """The client order ids behind the newest of the fills."""
    newest = sorted(fills, key=lambda fill: fill.ts, reverse=True)
    orders = {fill.order_key: fill for fill in newest}
    found = []
    for (symbol, venue_order_id), fill in [*orders.items()][:LOOKED_UP]:
        if fill.client_order_id:
            found.append(fill.client_order_id)
            continue
        with contextlib.suppress(ExchangeError):
            order = await venue.find(symbol, "", venue_order_id)
            found += [order.client_order_id] if order is not None else []
    return found


__all__ = ["OtherBots", "senders_of"]
