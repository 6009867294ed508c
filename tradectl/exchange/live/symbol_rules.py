"""The rules that symbols are traded by change while we trade: steps, the smallest order, and whether a
symbol is traded at all.

They are read anew now and then, and at once when the venue will not take an order for them. What became
different of them is reported, so that the core rounds by what holds, and a replay by the same. Rules that
the configuration describes hold until the venue's own change; but none are finer than the venue's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal

from msgspec.structs import replace

from tradectl.bus.clock import Sleep
from tradectl.domain.errors import ExchangeError
from tradectl.domain.events import (
    InstrumentChanged,
    RestrictionKind,
    SymbolRestricted,
    SystemEventKind,
)
from tradectl.domain.instruments import Instrument, Instruments
from tradectl.domain.money import plain
from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.base import AT_ONCE
from tradectl.exchange.live.execution_reporter import ExecutionReporter, Post
from tradectl.exchange.venue import Venue

OFTEN_S = 30.0
"""So often they are read while a symbol is not traded."""
WITHIN_S = 5.0
"""What became of an order does not wait any longer for them."""
FRESH_S = 1.0
"""What was read no longer ago is not read anew."""
BY_RULES = (RefusalCause.RULES, RefusalCause.CLOSED)
FLOORS = ("tick_size", "lot_size", "min_notional", "min_quantity")
CEILINGS = ("max_quantity", "max_market_quantity")
"""Of these 0 is no limit."""


class SymbolRules:
    """Of `symbols` at `venue`, read anew `every` so many seconds; `instruments` are those that the core
    goes by now."""

    def __init__(
        self,
        venue: Venue,
        symbols: Sequence[str],
        instruments: Instruments,
        reporter: ExecutionReporter,
        post: Post,
        source: str,
        *,
        every: float,
        monotonic: Callable[[], float],
        sleep: Sleep,
    ) -> None:
        self._venue = venue
        self._symbols = tuple(symbols)
        self._instruments = instruments
        self._reporter = reporter
        self._post = post
        self._source = source
        self._every = every
        self._monotonic = monotonic
        self._sleep = sleep
        self._known: dict[str, Instrument] = {}
        self._untraded: dict[str, str] = {}
        self._read_at, self._due_at = -FRESH_S, 0.0

    async def keep(self) -> None:
        """Report what is not traded at the start, and read them for ever."""
        self._look()
        self._due_at = self._monotonic() + self._every
        while True:
            await self._sleep(min(self._every, OFTEN_S))
            if self._untraded or self._monotonic() >= self._due_at:
                await self._read()

    async def on_refused(self, cause: RefusalCause) -> None:
        """Read them before it is reported that the venue would not take an order for them."""
        if cause in BY_RULES and self._monotonic() - self._read_at >= FRESH_S:
            await self._read()

    async def _read(self) -> None:
        self._read_at = self._monotonic()
        self._due_at = self._read_at + self._every
        try:
            async with asyncio.timeout(WITHIN_S):
                await self._venue.reload_rules()
        except (ExchangeError, TimeoutError) as error:
            self._reporter.problem(SystemEventKind.RULES_FAILED, str(error) or "no answer in time")
        else:
            self._reporter.problem_over(SystemEventKind.RULES_FAILED)
        self._look()

    def _look(self) -> None:
        for symbol in self._symbols:
            now, known = self._venue.instrument(symbol), self._known.get(symbol)
            before = known or self._instruments[symbol]
            # at first it is what the core goes by, which a run before this one may have learned
            changed = stricter(before, now) if known is None else different(before, now)
            self._known[symbol] = now
            if changed:
                self._report(symbol, before, changed)
            self._see_whether_traded(symbol, self._venue.not_traded(symbol))

    def _report(self, symbol: str, before: Instrument, changed: dict[str, Decimal]) -> None:
        event = InstrumentChanged(
            source_component=self._source,
            instrument=replace(self._instruments[symbol], **changed),
        )
        words = ", ".join(
            f"{name} {plain(getattr(before, name))} -> {plain(value)}"
            for name, value in changed.items()
        )
        self._post(event, AT_ONCE)
        self._reporter.post_system_event(SystemEventKind.RULES_CHANGED, f"{symbol}: {words}")

    def _see_whether_traded(self, symbol: str, reason: str) -> None:
        if reason == self._untraded.get(symbol, ""):
            return
        if reason:
            self._untraded[symbol] = reason
        else:
            del self._untraded[symbol]
        restriction = SymbolRestricted(
            source_component=self._source,
            symbol=symbol,
            kind=RestrictionKind.NOT_TRADED,
            message=f"{self._source}: {symbol} {reason}" if reason else "",
            restricted=bool(reason),
        )
        self._post(restriction, AT_ONCE)


def different(before: Instrument, now: Instrument) -> dict[str, Decimal]:
    """The rules that are not as before, by their names."""
    return {
        name: value
        for name in (*FLOORS, *CEILINGS)
        if (value := getattr(now, name)) != getattr(before, name)
    }


def stricter(before: Instrument, now: Instrument) -> dict[str, Decimal]:
    """Those that allow less than before."""
    found = different(before, now)
    return {name: value for name, value in found.items() if _is_stricter(name, before, value)}


def _is_stricter(name: str, before: Instrument, value: Decimal) -> bool:
    known = getattr(before, name)
    if name in FLOORS:
        return bool(value > known)
    return bool(value) and (not known or value < known)


__all__ = ["SymbolRules", "different", "stricter"]
