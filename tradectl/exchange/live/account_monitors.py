"""What goes on beside the orders of a live exchange: the account's user stream, the exchange's clock, and
whether this process stood still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tradectl.bus.clock import Sleep
from tradectl.domain.errors import AccessLost, ExchangeError
from tradectl.domain.events import SystemEventKind
from tradectl.domain.resilience import StallDetector, pauses
from tradectl.domain.time import SECOND
from tradectl.exchange.clock_offset import follow_clock
from tradectl.exchange.live.execution_reporter import ExecutionReporter
from tradectl.exchange.live.stream_silence import StreamSilence
from tradectl.exchange.tasks import run_together
from tradectl.exchange.venue import OnVenueReports, Venue

BEAT_S = 0.5
FORGIVEN_AFTER_S = 30.0
WORKS_AFTER_S = 6.0
"""A stream that is open for so long works, though nothing came on it."""
MAX_CLOCK_SKEW_S = 1.0


async def watch_for_stalls(
    detector: StallDetector, stalled: Callable[[float], None], sleep: Sleep
) -> None:
    """For ever; `stalled` hears for how long this process stood still, in seconds."""
    while True:
        await sleep(BEAT_S)
        seconds = detector.beat()
        if seconds:
            stalled(seconds)


async def follow_user_stream(
    venue: Venue,
    on_reports: OnVenueReports,
    reporter: ExecutionReporter,
    silence: StreamSilence,
    lost: Callable[[], None],
    monotonic: Callable[[], float],
    sleep: Sleep,
) -> None:
    """Follow the account's orders and fills for ever; `lost` hears of each time that they were lost. A
    stream that is silent, or whose login is refused, is a lost one."""
    if not venue.abilities.user_stream:
        return
    waits = pauses()

    def works_again() -> None:
        if reporter.problem_over(SystemEventKind.USER_STREAM_LOST):
            lost()

    while True:
        began = monotonic()
        quiet = asyncio.get_running_loop().call_later(WORKS_AFTER_S, works_again)
        try:
            await run_together(venue.stream_account(on_reports), silence.watch())
        except ExchangeError as error:
            if isinstance(error, AccessLost):
                reporter.access_refused(error)
            if reporter.problem(SystemEventKind.USER_STREAM_LOST, str(error)):
                reporter.restrict_all(
                    "the account's stream was lost: orders and fills are being compared"
                )
        finally:
            quiet.cancel()
        lost()
        if monotonic() - began > FORGIVEN_AFTER_S:
            waits = pauses()
        await sleep(next(waits))


async def watch_clock(
    venue: Venue, reporter: ExecutionReporter, every: float, sleep: Sleep
) -> None:
    """Ask for the venue's time, by which requests are signed, and report when it and ours differ."""

    def told(offset: int) -> None:
        reporter.clock_offset = offset
        if abs(offset) > MAX_CLOCK_SKEW_S * SECOND:
            away = f"{offset / SECOND:+.1f} s from this machine's"
            mend = "requests are signed by its clock; set this machine's"
            reporter.problem(SystemEventKind.CLOCK_SKEW, f"its clock is {away}: {mend}")
        else:
            reporter.problem_over(SystemEventKind.CLOCK_SKEW)

    await follow_clock(venue, told, every, sleep)


__all__ = ["follow_user_stream", "watch_clock", "watch_for_stalls"]
