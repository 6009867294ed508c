"""What goes on beside the orders of a real exchange: its news, its clock, its dead-man switch, and our
own pulse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from tradectl.domain.backoff import pauses
from tradectl.domain.errors import AccessLost, ExchangeError, VenueRefusal
from tradectl.domain.stall import StallDetector
from tradectl.domain.time import SECOND
from tradectl.exchange.live.execution_reporter import ExecutionReporter
from tradectl.exchange.venue import Told, Venue

STOOD_STILL_S = 5.0
BEAT_S = 0.5
GOOD_AFTER_S = 30.0
BACK_AFTER_S = 6.0
"""A stream that is open for so long works, though nothing was said on it."""
LARGEST_SKEW_S = 1.0


async def watch_for_stalls(detector: StallDetector, stalled: Callable[[float], None]) -> None:
    """For ever; `stalled` hears for how long this process stood still, in seconds."""
    while True:
        await asyncio.sleep(BEAT_S)
        seconds = detector.beat()
        if seconds:
            stalled(seconds)


async def listen(
    venue: Venue,
    told: Told,
    reporter: ExecutionReporter,
    lost: Callable[[], None],
    monotonic: Callable[[], float],
) -> None:
    """Follow the account's news for ever; `lost` hears of each time that they were lost."""
    if not venue.abilities.user_stream:
        return
    waits = pauses()

    def heard_again() -> None:
        if reporter.over("user_stream_lost"):
            lost()

    while True:
        began = monotonic()
        quiet = asyncio.get_running_loop().call_later(BACK_AFTER_S, heard_again)
        try:
            await venue.listen(told)
            return
        except AccessLost as error:
            reporter.lose_access(error)
        except ExchangeError as error:
            if reporter.trouble("user_stream_lost", str(error)):
                reporter.hold_all(
                    "the account's news was lost: orders and fills are being compared"
                )
        finally:
            quiet.cancel()
        lost()
        if monotonic() - began > GOOD_AFTER_S:
            waits = pauses()
        await asyncio.sleep(next(waits))


async def watch_clock(venue: Venue, reporter: ExecutionReporter, every: float) -> None:
    """Say when the venue's clock and ours have parted: what we ask for is refused then."""
    while True:
        try:
            offset = await venue.clock_offset()
        except VenueRefusal:
            return  # it does not tell its time
        except ExchangeError:
            pass  # asked again
        else:
            if abs(offset) > LARGEST_SKEW_S * SECOND:
                away = f"{offset / SECOND:+.1f} s from this machine's"
                reporter.trouble("clock_skew", f"its clock is {away}: set that one")
            else:
                reporter.over("clock_skew")
        await asyncio.sleep(every)


async def keep_dead_man_armed(
    venue: Venue, symbols: Sequence[str], reporter: ExecutionReporter, seconds: float
) -> None:
    """Well within its time, and say when that cannot be done."""
    while True:
        try:
            async with asyncio.timeout(seconds / 2):
                await venue.arm_dead_man(symbols, seconds)
            reporter.over("dead_man_failed")
        except AccessLost as error:
            reporter.lose_access(error)
        except (ExchangeError, TimeoutError) as error:
            reporter.trouble("dead_man_failed", f"{error or 'no answer in time'}")
        await asyncio.sleep(seconds / 4)


__all__ = ["keep_dead_man_armed", "listen", "watch_clock", "watch_for_stalls"]
