"""Whether each symbol's market data is fresh: by its arrival and its own time, never by the socket's.

This is what acts on stale data of a live feed, at the edge. The risk check `StaleDataCheck` asks the
same of the books' own times, so that it replays; the monitor's `DataAge` only shows it.

A symbol without fresh data is restricted: nothing new is begun in it. The restriction is posted the
moment it is known, so that it goes before the data; it is lifted by the next review after fresh data
came, when what waited in front of it is through. What is old by its own time never lifts a restriction.

When the process itself stood still (stopped, or the loop was blocked) the review comes late, and whatever
waits in the sockets is from before. All symbols are restricted then, and for a while, as after any data
that was old, only trades count as fresh: they always carry the exchange's time, and quotes often do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from tradectl.bus.clock import Sleep
from tradectl.domain.events import Event, RestrictionKind, SymbolRestricted
from tradectl.domain.resilience import StallDetector
from tradectl.domain.time import age_s

SOURCE = "feed"
LONGEST_INTERVAL_S = 1.0
REVIEWS = 4
"""Reviews within the time after which data is stale."""


class _Symbol(Struct):
    """Times in seconds of the monotonic clock, but `ts`, the newest time that data named (ns)."""

    allowed: float
    came: float = 0.0
    fresh: float = 0.0
    restricted: bool = False
    fresh_since: bool = False
    """since it was restricted"""
    ts: int = 0
    quotes_count_from: float = 0.0


class StalenessMonitor:
    """`allowed` is how old each symbol's data may be (s). No symbol is restricted to begin with."""

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
        self._stall_limit = min(allowed.values(), default=LONGEST_INTERVAL_S)
        self.interval = min(LONGEST_INTERVAL_S, self._stall_limit / REVIEWS)
        self._stalls = StallDetector(self._stall_limit + self.interval, monotonic)
        self._quotes_count_from = 0.0

    def start(self) -> None:
        """From now on silence counts."""
        self._stalls.beat()
        now = self._monotonic()
        for state in self._symbols.values():
            state.came = state.fresh = now

    async def run(self, sleep: Sleep) -> None:
        while True:
            await sleep(self.interval)
            self.review()

    def on_data(self, symbol: str, ts: int, traded: int = 0) -> None:
        """Data of `symbol` arrived, the newest of it made at `ts` and its newest trade at `traded` (ns;
        0: it does not say, or there is none)."""
        state, now = self._symbols[symbol], self._monotonic()
        state.came = now
        state.ts = max(state.ts, ts)
        lag = max(self._lag(ts), self._lag(traded))
        if lag > state.allowed:
            state.quotes_count_from = now + state.allowed
            self._restrict(symbol, state, f"its newest market data is {lag:.1f} s old")
        elif traded or now >= max(self._quotes_count_from, state.quotes_count_from):
            state.fresh, state.fresh_since = now, True

    def _lag(self, ts: int) -> float:
        return age_s(ts, self._now())

    def review(self) -> None:
        """Restrict what has been silent for too long, lift the restriction of what has fresh data."""
        if self.check_stall():
            return
        self._stalls.beat()
        now = self._monotonic()
        for symbol, state in self._symbols.items():
            silent = now - state.fresh
            if silent > state.allowed:
                self._restrict(symbol, state, f"no fresh market data for {silent:.1f} s")
            elif state.restricted and state.fresh_since:
                self._lift(symbol, state)

    def check_stall(self) -> bool:
        """Whether the last review is so long ago that the process cannot have run since; restricts all
        symbols then. To be asked before any data is handed on."""
        if not self._stalls.stalled_for():
            return False
        late = self._stalls.beat() - self.interval
        self._quotes_count_from = self._monotonic() + self._stall_limit
        for symbol, state in self._symbols.items():
            self._restrict(symbol, state, f"the process stood still for {late:.1f} s", again=True)
        return True

    def ages(self) -> dict[str, float]:
        """Seconds since data of each symbol came, or since it was made: whichever is longer."""
        now = self._monotonic()
        return {
            symbol: round(max(now - state.came, self._lag(state.ts)), 3)
            for symbol, state in self._symbols.items()
        }

    def _restrict(self, symbol: str, state: _Symbol, message: str, *, again: bool = False) -> None:
        """`again`: fresh data that came before this moment lifts nothing any more."""
        if state.restricted and not again:
            return
        state.fresh_since = False
        if not state.restricted:
            state.restricted = True
            self._post(
                SymbolRestricted(
                    source_component=SOURCE,
                    symbol=symbol,
                    kind=RestrictionKind.STALE,
                    message=message,
                )
            )

    def _lift(self, symbol: str, state: _Symbol) -> None:
        state.restricted = False
        self._post(
            SymbolRestricted(
                source_component=SOURCE, symbol=symbol, kind=RestrictionKind.STALE, restricted=False
            )
        )


__all__ = ["SOURCE", "StalenessMonitor"]
