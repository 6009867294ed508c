"""Why a strategy has said nothing about a symbol: what it lacks, or how long it has watched in vain."""

from __future__ import annotations

from tradectl.domain.event import Reason, ReasonCode
from tradectl.domain.text import counted
from tradectl.domain.time import SECOND
from tradectl.strategy.bars import spell_timeframe
from tradectl.strategy.instances import RunningStrategy, SymbolSlot
from tradectl.strategy.routes import cannot_be_made

_UNITS = {
    "on_bar": "bar",
    "on_trade": "trade",
    "on_quote": "quote",
    "on_book": "book",
    "on_timer": "time",
}


def why_silent(
    running: RunningStrategy, symbol: str, candles: int | None, newest: int | None
) -> Reason:
    """Prices come as candles of `candles` ns (0: as trades; None: not at all), and the newest data is of
    `newest` (ns UTC; None: there is none)."""
    if running.quarantined:
        return ReasonCode.QUARANTINED, f"quarantined: {running.quarantined}"
    if newest is None:
        return ReasonCode.NO_DATA, f"no data for {symbol}"
    slot = running.slots.get(symbol)
    if slot is None:
        has, lacks = ("quotes", "trades or candles") if candles is None else ("prices", "quotes")
        return ReasonCode.NO_DATA, f"the data has {has} alone, the strategy wants {lacks}"
    by_bars = running.warmed_by == "on_bar"
    missing = [each for each in slot.timeframes if candles and each % candles]
    if by_bars and candles and missing:
        return ReasonCode.TIMEFRAME, cannot_be_made(missing[0], candles)
    unit, of = _unit(slot, candles or 0)
    failed = f", {running.failed()}" if running.failures else ""
    if slot.cold > 0:
        return (
            ReasonCode.WARM_UP,
            f"needs {counted(slot.need, unit)}{of}, saw {slot.need - slot.cold}{failed}",
        )
    length = slot.timeframe if by_bars else (candles or 0)
    if running.warmed_by in ("on_quote", "on_book", "on_timer") or not length:
        return (
            ReasonCode.NO_SIGNAL,
            f"no signal in {_span(newest - slot.began)} of {unit}s{of}{failed}",
        )
    began = slot.began - (candles or 0)
    seen = newest // length - began // length
    if seen < 1:
        span = _span(newest - began)
        return ReasonCode.WARM_UP, f"needs 1 {unit}{of}, saw 0 in {span} of data{failed}"
    return ReasonCode.NO_SIGNAL, f"no signal in {counted(seen, unit)}{of}{failed}"


def _unit(slot: SymbolSlot, candles: int) -> tuple[str, str]:
    """One of what it waits for, and how long each is."""
    by = slot.running.warmed_by
    if by == "on_trade" and candles:
        return "candle", f" of {spell_timeframe(candles)}"
    length = f" of {spell_timeframe(slot.timeframe)}" if by == "on_bar" else ""
    return _UNITS[by], length


def _span(ns: int) -> str:
    for unit, seconds in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if ns >= 2 * seconds * SECOND:
            return f"{ns // (seconds * SECOND)} {unit}"
    return counted(round(max(ns, 0) / SECOND), "second")
