"""`data volume`: the usual volume of the parts of a day, out of recorded trades or candles: what `vwap`
goes by.

A part's share is its volume over all days by that of all parts (UTC). A candle counts where its middle
is.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from tradectl.documents.data import VolumeProfile
from tradectl.domain.errors import DataError
from tradectl.domain.events import BarEvent, BarOpened, MarketDataEvent
from tradectl.domain.money import ZERO, plain
from tradectl.domain.text import harmless
from tradectl.domain.time import DAY
from tradectl.operations.data_check import DataOptions

STEP = Decimal("0.000001")


def volume_profiles(paths: list[Path], options: DataOptions, parts: int) -> list[VolumeProfile]:
    """Of each symbol of the files. Raises DataError where there is no volume, or a part of the day has
    none."""
    volumes: dict[str, list[Decimal]] = {}
    days: dict[str, set[int]] = {}
    for batch in options.feed(paths, options.settings.feed.max_bad_share).batches():
        for event in batch:
            if event.volume and not isinstance(event, BarOpened):
                at = _middle(event)
                by_part = volumes.setdefault(event.symbol, [ZERO] * parts)
                by_part[at % DAY * parts // DAY] += event.volume
                days.setdefault(event.symbol, set()).add(at // DAY)
    if not volumes:
        raise DataError("no row has a volume: expected trades, or candles with their volume")
    return [
        VolumeProfile(symbol=symbol, days=len(days[symbol]), shares=_shares(symbol, by_part))
        for symbol, by_part in sorted(volumes.items())
    ]


def _middle(event: MarketDataEvent) -> int:
    return event.ts - event.interval // 2 if isinstance(event, BarEvent) else event.ts


def _shares(symbol: str, volumes: list[Decimal]) -> list[str]:
    total = sum(volumes, ZERO)
    shares = [(volume / total).quantize(STEP) for volume in volumes]
    empty = [n for n, share in enumerate(shares) if not share]
    if empty:
        raise DataError(
            harmless(
                f"{symbol}: part {empty[0] + 1} of {len(volumes)} of the day has no volume: expected "
                "whole days, or fewer --parts"
            )
        )
    return [plain(share) for share in shares]


__all__ = ["volume_profiles"]
