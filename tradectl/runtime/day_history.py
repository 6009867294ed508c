"""The days before a run, from recorded files: what value at risk, weights and sizes by volatility look
back at.

A run notes the end of each day itself; of the days before it there is a word only in files. They are read
once, as it begins, and become part of the account that its journal begins with: a replay needs no file.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from tradectl.domain.market_events import MarketDataEvent
from tradectl.feeds.time_range import WHOLE
from tradectl.feeds.whole_log import feed_of
from tradectl.files.places import expanded
from tradectl.runtime.run_options import RunOptions, market_source
from tradectl.state.account import Account
from tradectl.state.days import take_history
from tradectl.state.price_history import from_recording


def with_history(account: Account, options: RunOptions, now: int) -> Account:
    """The account with the days that `risk.history_files` tells of, up to `now` (ns). A run on recorded
    data takes them up to where it begins, if that was said (`--since`): else it would know what is to
    come. Raises DataError, UsageError."""
    risk = options.settings.risk
    before = options.span.since if options.data else now
    if risk.history_files and before:
        take_history(account, _events(options, now), before, risk.history_days + 1)
        history = options.settings.begun_history(account.history)
        if history is not None:
            account.history = from_recording(history, _events(options, now), before)
    return account


def _events(options: RunOptions, now: int) -> Iterator[MarketDataEvent]:
    """Of one file after the other."""
    for name in options.settings.risk.history_files:
        asked = replace(
            options, data=(expanded(name),), data_files=(), columns={}, span=WHOLE, symbols=()
        )
        for batch in feed_of(market_source(asked, now)).batches():
            yield from batch


__all__ = ["with_history"]
