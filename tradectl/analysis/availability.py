"""How much of the time entries could leave, and what held them back.

A pause or a halt holds back all symbols; a restriction (old data, a difference from the exchange) one of
them, and counts for its share. Causes overlap: each has all of its own time, so that they may add up to
more than what entries were held back in all.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from tradectl.domain.event import RestrictionKind
from tradectl.domain.states import TradingState
from tradectl.state.account import Account


class Available(Struct, frozen=True):
    """`share` of the time (0 to 1) in which entries could leave; by cause the share in which that one
    held them back, the largest first."""

    share: float
    causes: tuple[tuple[str, float], ...]


class Availability:
    """Asked after everything that may change it; times in ns."""

    def __init__(self, account: Account, start: int) -> None:
        self._account = account
        self._start = self._since = start
        self._held = 0.0
        self._by_cause: dict[str, float] = {}
        self._restricted: dict[str, dict[RestrictionKind, None]] = {}
        self._causes: tuple[str, ...] = ()
        self.look(start)

    def look(self, at: int, symbols: int = 1) -> None:
        """What holds entries back from `at` on; `symbols` are traded."""
        self.spend(at, symbols)
        account, known = self._account, self._account.reconciliation
        causes = list(account.pauses)
        if account.trading_state not in (TradingState.RUNNING, TradingState.PAUSED):
            causes.append(str(account.trading_state))
        self._causes = tuple(causes)
        restrictions: Mapping[str, Mapping[RestrictionKind, str]] = (
            {} if known is None else known.restrictions
        )
        self._restricted = {
            symbol: dict.fromkeys(kinds) for symbol, kinds in restrictions.items() if kinds
        }

    def spend(self, at: int, symbols: int) -> None:
        """The time until `at` passed as it was."""
        passed, self._since = max(at - self._since, 0), max(at, self._since)
        if not passed or not (self._causes or self._restricted):
            return
        share = passed / max(symbols, len(self._restricted), 1)
        self._held += passed if self._causes else share * len(self._restricted)
        for cause in self._causes:
            self._by_cause[cause] = self._by_cause.get(cause, 0.0) + passed
        for kinds in self._restricted.values():
            for kind in kinds:
                self._by_cause[kind] = self._by_cause.get(kind, 0.0) + share

    def end(self, at: int, symbols: int) -> Available:
        self.spend(at, symbols)
        whole = max(at - self._start, 1)
        causes = sorted(self._by_cause.items(), key=lambda entry: (-entry[1], entry[0]))
        return Available(
            max(0.0, 1.0 - self._held / whole),
            tuple((str(cause), held / whole) for cause, held in causes),
        )


__all__ = ["Availability", "Available"]
