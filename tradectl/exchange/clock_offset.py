"""How far an exchange's clock is ahead of ours, asked again and again: clocks drift, and are set."""

from __future__ import annotations

from collections.abc import Callable

from tradectl.bus.clock import Sleep
from tradectl.domain.errors import ExchangeError, VenueRefusal
from tradectl.exchange.venue import Venue


async def follow_clock(
    venue: Venue, told: Callable[[int], None], every: float, sleep: Sleep
) -> None:
    """`told` gets the offset (ns) now and every so many seconds, while the exchange tells its time."""
    while True:
        try:
            offset = await venue.clock_offset()
        except VenueRefusal:
            return  # it does not tell its time
        except ExchangeError:
            pass  # asked again
        else:
            told(offset)
        await sleep(every)


__all__ = ["follow_clock"]
