"""The days and periods before a run, asked of its exchanges as it begins.

What looks at more than the present would begin blind: weights, sizes by volatility, value at risk. So
candles of the time before become part of the account that the journal begins with; a replay asks nobody.
What the account has noted itself stays. An exchange that does not tell, or takes too long, holds nothing
up: the run begins without, and says so. Nobody is asked where something is open: it waits for protection,
and for who would stop it.
"""

from __future__ import annotations

import asyncio

from tradectl.config.settings import Settings
from tradectl.domain.errors import ExchangeError
from tradectl.domain.market_events import BarEvent
from tradectl.domain.market_history import MarketHistory
from tradectl.domain.text import harmless
from tradectl.domain.time import DAY
from tradectl.exchange.venue import PERIODS, Venue
from tradectl.risk.daily_closes import read_closes
from tradectl.runtime.exchanges import Venues
from tradectl.runtime.halted_start import has_open
from tradectl.state.account import Account
from tradectl.state.days import take_history
from tradectl.state.price_history import from_recording

WITHIN_S = 10.0
"""For all exchanges and symbols together."""
MOST_PAGES = 50
"""Of one symbol's candles."""


async def fetch_history(settings: Settings, venues: Venues, account: Account, now: int) -> str:
    """Complete the account's history up to `now` (ns). What is missing all the same, in words."""
    if not _is_asked_for(settings):
        return ""
    if account.trading_state.is_halt or has_open(account, settings):
        return _left_out(settings, venues, account, now)
    periods: list[BarEvent] = []
    fetched = await asyncio.gather(
        *(
            _of_exchange(settings, venue, tuple(venues.places[name]), account, periods, now)
            for name, venue in venues.by_name.items()
        )
    )
    history = settings.begun_history(account.history)
    if history is not None:
        account.history = from_recording(history, periods, now)
    return "; ".join(filter(None, fetched))


def _is_asked_for(settings: Settings) -> bool:
    wish, risk = settings.history.from_exchange, settings.risk
    goes_by_days = risk.volatility_target_pct is not None or risk.breaker_sigmas is not None
    needed = goes_by_days or settings.begun_history(None) is not None
    return wish == "always" or (wish == "needed" and needed)


def _left_out(settings: Settings, venues: Venues, account: Account, now: int) -> str:
    """That it was not asked for; nothing where it would have had nothing to tell."""
    most, today = settings.risk.history_days + 1, now // DAY
    symbols = {symbol for name in venues.by_name for symbol in venues.places[name]}
    history = settings.begun_history(account.history)
    knows_days = all(_unknown_from(each, account, most, today) >= today for each in symbols)
    if knows_days and (history is None or history.closes):
        return ""
    return "the history before this run is not asked for while something is open, or a halt goes on"


async def _of_exchange(
    settings: Settings,
    venue: Venue,
    symbols: tuple[str, ...],
    account: Account,
    periods: list[BarEvent],
    now: int,
) -> str:
    """Symbol after symbol: its rate limit would let no two of them pass at once."""
    most = settings.risk.history_days + 1
    history = settings.begun_history(account.history)
    try:
        async with asyncio.timeout(WITHIN_S):
            for symbol in symbols:
                days = await _days(venue, symbol, account, most, now)
                take_history(account, days, now, most)
                if history is not None and not history.closes:
                    periods += await _periods(venue, symbol, history, now)
    except (ExchangeError, TimeoutError) as error:
        why = harmless(str(error)) or f"it did not answer within {WITHIN_S:g} s"
        return f"{venue.name}: the history before this run is not known: {why}"
    return ""


async def _days(venue: Venue, symbol: str, account: Account, most: int, now: int) -> list[BarEvent]:
    """From the first one on that is not noted; a run without a gap has nothing to ask for."""
    today = now // DAY
    day = _unknown_from(symbol, account, most, today)
    return await _candles(venue, symbol, DAY, day * DAY, now) if day < today else []


def _unknown_from(symbol: str, account: Account, most: int, today: int) -> int:
    """The first day that is not noted."""
    noted, day = read_closes(account.risk.closes.get(symbol, "")), today - most
    while day in noted:
        day += 1
    return day


async def _periods(venue: Venue, symbol: str, history: MarketHistory, now: int) -> list[BarEvent]:
    """By the longest candles that its periods are made of; there are none of parts of a minute."""
    of = next((period for period in PERIODS if not history.period % period), None)
    since = (now // history.period - history.length - 1) * history.period
    return [] if of is None else await _candles(venue, symbol, of, since, now)


async def _candles(venue: Venue, symbol: str, period: int, since: int, now: int) -> list[BarEvent]:
    """Page after page, up to `now`; an exchange that keeps less tells less."""
    found: list[BarEvent] = []
    for _ in range(MOST_PAGES):
        page = await venue.candles(symbol, period, since)
        found += page
        if not page or page[-1].ts + period > now:
            break
        since = page[-1].ts
    return found


__all__ = ["fetch_history"]
