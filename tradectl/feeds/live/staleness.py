"""Whether each symbol's market data is fresh: by its arrival and its own time, never by the socket's.

This is what acts on stale data of a live feed, at the edge. The risk check `StaleData` asks the same of
the books' own times, so that it replays; the monitor's `DataAge` only shows it.

A symbol without fresh data is held: nothing new is begun in it. The hold is posted the moment it is
known, so that it goes before the data; it is lifted by the next look after fresh data came, when what
waited in front of that data is through. What is old by its own time never lifts a hold.

The watch also notices that the process itself stood still (stopped, or the loop was blocked): then its
own look comes late, and whatever waits in the sockets is from before. All symbols are held, and for a
while, as after any data that was old, only trades count as fresh: they always carry the exchange's
time, and quotes often do not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from msgspec import Struct

from tradectl.domain.events import Event, RestrictionKind, SymbolRestricted
from tradectl.domain.stall import StallDetector
from tradectl.domain.time import age_s

SOURCE = "feed"
LONGEST_TICK_S = 1.0
LOOKS = 4
"""Looks within the time after which data is stale."""


class _Symbol(Struct):
    """Times in seconds of the monotonic clock, but `ts`, the newest time that data named (ns)."""

    allowed: float
    heard: float = 0.0
    fresh: float = 0.0
    held: bool = False
    fresh_since: bool = False
    """since it was held"""
    ts: int = 0
    all_counts_from: float = 0.0


class StalenessMonitor:
    """`allowed` is how old each symbol's data may be (s). No symbol is held to begin with."""

    def __init__(
        self,
        allowed: Mapping[str, float],
        post: Callable[[Event], None],
        *,
        monotonic: Callable[[], float],
        now: Callable[[], int],
    ) -> None:
        self._post = post
        self._monotonic = monotonic
        self._now = now
        start = monotonic()
        self._symbols = {
            symbol: _Symbol(seconds, start, start) for symbol, seconds in allowed.items()
        }
        self._standstill = min(allowed.values(), default=LONGEST_TICK_S)
        self.tick = min(LONGEST_TICK_S, self._standstill / LOOKS)
        self._stalls = StallDetector(self._standstill + self.tick, monotonic)
        self._all_count_from = 0.0

    def start(self) -> None:
        """From now on silence counts."""
        self._stalls.beat()
        now = self._monotonic()
        for state in self._symbols.values():
            state.heard = state.fresh = now

    async def run(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        while True:
            await sleep(self.tick)
            self.look()

    def heard(self, symbol: str, ts: int, traded: int = 0) -> None:
        """Data of `symbol` arrived, the newest of it made at `ts` and its newest trade at `traded` (ns;
        0: it does not say, or there is none)."""
        state, now = self._symbols[symbol], self._monotonic()
        state.heard = now
        state.ts = max(state.ts, ts)
        lag = max(self._lag(ts), self._lag(traded))
        if lag > state.allowed:
            state.all_counts_from = now + state.allowed
            self._hold(symbol, state, f"its newest market data is {lag:.1f} s old")
        elif traded or now >= max(self._all_count_from, state.all_counts_from):
            state.fresh, state.fresh_since = now, True

    def _lag(self, ts: int) -> float:
        return age_s(ts, self._now())

    def look(self) -> None:
        """Hold what has been silent for too long, let go what has fresh data."""
        if self.stood_still():
            return
        self._stalls.beat()
        now = self._monotonic()
        for symbol, state in self._symbols.items():
            silent = now - state.fresh
            if silent > state.allowed:
                self._hold(symbol, state, f"no fresh market data for {silent:.1f} s")
            elif state.held and state.fresh_since:
                self._let_go(symbol, state)

    def stood_still(self) -> bool:
        """Whether the last look is so long ago that the process cannot have run since; holds all
        symbols then. To be asked before any data is handed on."""
        if not self._stalls.stalled_for():
            return False
        late = self._stalls.beat() - self.tick
        self._all_count_from = self._monotonic() + self._standstill
        for symbol, state in self._symbols.items():
            self._hold(symbol, state, f"the process stood still for {late:.1f} s", again=True)
        return True

    def ages(self) -> dict[str, float]:
        """Seconds since data of each symbol came, or since it was made: whichever is longer."""
        now = self._monotonic()
        return {
            symbol: round(max(now - state.heard, self._lag(state.ts)), 3)
            for symbol, state in self._symbols.items()
        }

    def _hold(self, symbol: str, state: _Symbol, message: str, *, again: bool = False) -> None:
        """`again`: fresh data that came before this moment lifts nothing any more."""
        if state.held and not again:
            return
        state.fresh_since = False
        if not state.held:
            state.held = True
            self._post(
                SymbolRestricted(
                    source_component=SOURCE,
                    symbol=symbol,
                    kind=RestrictionKind.STALE,
                    message=message,
                )
            )

    def _let_go(self, symbol: str, state: _Symbol) -> None:
        state.held = False
        self._post(
            SymbolRestricted(
                source_component=SOURCE, symbol=symbol, kind=RestrictionKind.STALE, restricted=False
            )
        )


__all__ = ["SOURCE", "StalenessMonitor"]
